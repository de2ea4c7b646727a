"""The one exception of this package."""


class EmbeddedServersError(Exception):
    """The embedded servers cannot be used; the text is a sentence meant for the user."""
