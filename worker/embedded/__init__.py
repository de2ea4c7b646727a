"""Real PostgreSQL and Valkey from wheels, for whoever has no servers of their own."""

from worker.embedded.client import embedded_servers
from worker.embedded.errors import EmbeddedServersError
from worker.embedded.messages import ServerUrls

__all__ = ["EmbeddedServersError", "ServerUrls", "embedded_servers"]
