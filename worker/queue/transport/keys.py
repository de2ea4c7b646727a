"""How everything in Redis is named."""

from dataclasses import dataclass

_PROCESSING = ".processing."


@dataclass(frozen=True, slots=True)
class Keys:
    """The names of Redis keys, all under kombu's `global_keyprefix` if one is set."""

    prefix: str = ""

    @property
    def consumers(self) -> str:
        """A set: all processing lists that may hold something, whoever owns them."""
        return f"{self.prefix}_consumers"

    def queue(self, queue: str) -> str:
        """A list: the queue, as every producer knows it. New messages come in on the left."""
        return f"{self.prefix}{queue}"

    def processing(self, queue: str, owner: str) -> str:
        """A hash: what one owner holds of one queue, by numbers in the order of taking."""
        return self.prefix + member(queue, owner)

    def heartbeat(self, owner: str) -> str:
        """A string that expires: it is there while the owner lives."""
        return f"{self.prefix}_consumer.{owner}"

    def dead(self, queue: str) -> str:
        """A list: frames that cannot be handled, the newest first."""
        return f"{self.prefix}{queue}.dead"

    def dead_count(self, queue: str) -> str:
        """A number: how many frames have ever been moved there."""
        return f"{self.prefix}{queue}.dead.count"

    def never(self, owner: str) -> str:
        """A key that is never written: waiting for it is sleeping within Redis."""
        return f"{self.prefix}_consumer.{owner}.never"


def member(queue: str, owner: str) -> str:
    """How a processing list is noted in the set of all."""
    return f"{queue}{_PROCESSING}{owner}"


def parse_member(noted: str) -> tuple[str, str]:
    """The queue and the owner of a processing list."""
    queue, _, owner = noted.rpartition(_PROCESSING)
    return queue, owner
