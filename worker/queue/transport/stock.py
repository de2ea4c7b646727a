"""The parts of kombu's own Redis transport that ours is built on.

Kombu's annotations cover few of its functions, so all of it is taken as `Any` here, in one place.
"""

from queue import Empty
from typing import Any

from kombu.transport import redis, virtual
from kombu.utils import json

__all__ = ["Channel", "Empty", "MultiChannelPoller", "QoS", "Transport", "is_readable", "loads"]

Channel: Any = redis.Channel
MultiChannelPoller: Any = redis.MultiChannelPoller
Transport: Any = redis.Transport
QoS: Any = virtual.QoS
loads: Any = json.loads
is_readable: Any = redis._socket_readable
