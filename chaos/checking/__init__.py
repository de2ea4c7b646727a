"""The checker: did every request become what it should, and does every cent add up?

It reads the list of what was submitted, the provider's own book and the worker's tables, by SQL of
its own. Nothing of `worker` or `models` is imported here: what they get wrong must show.
"""

from chaos.checking.verdict import Verdict, check

__all__ = ["Verdict", "check"]
