"""Celery's settings, each non-default with its reason.

Background: the database row is the letter, the message a doorbell (docs/decisions/0001).
"""

from kombu.entity import Exchange, Queue

from models.messages.names import OUTBOX_RELAY, QUEUE_OF, QUEUES, REPAYMENTS_SWEEP
from worker.queue.transport import choose as _choose_transport
from worker.settings import settings as _settings

_configured = _settings()

broker_url = _configured.redis_url.get_secret_value() if _configured.redis_url else None
# Messages stay in Redis until they are acknowledged (docs/decisions/0011), unless the stock
# transport is asked for. Both have the same queues and messages and may run side by side.
_choose_transport(_configured.transport)

# No result backend: states are read from the database. One less thing to grow, hang or leak.
result_backend = None
task_ignore_result = True

# JSON only: nothing else is ever deserialized.
accept_content = ["json"]
task_serializer = "json"
event_serializer = "json"

imports = ("tasks.captures", "tasks.instructions", "tasks.refunds", "tasks.sweeps")

# Queues are named by the contract; a misspelt one must fail, not fill unread.
# Task names are routed by their producer's `queue`; these are the defaults for our own.
# An exchange each: with Celery's default all would be bound to one exchange under one key.
task_queues = tuple(Queue(name, Exchange(name), routing_key=name) for name in QUEUES)  # type: ignore[no-untyped-call]  # kombu's
task_default_queue = "refunds"
task_create_missing_queues = False
task_routes = {task: {"queue": queue} for task, queue in QUEUE_OF.items()}

# Acknowledge after the work: a message whose worker dies comes again.
task_acks_late = True
task_reject_on_worker_lost = True
# On Redis a rejected message is gone, so failures are acknowledged; state is in the database.
task_acks_on_failure = True
# A task over its hard limit comes again; attempts are counted in the database.
task_acks_on_timeout = False

# Half a lease, in which calls begin (45 s), and a call (20 s) < soft limit < hard limit <=
# lease < visibility timeout / 3. A supervisor's grace after SIGTERM must exceed the hard limit.
task_soft_time_limit = 75
task_time_limit = 90

# Batches need messages at hand. The bound is prefetch x processes; unacknowledged ones are safe.
worker_prefetch_multiplier = max(2, 2 * _configured.batch_size)
# Nothing here uses ETA; one that arrives must not raise the prefetch bound.
worker_eta_task_limit = 1

# Remote control could revoke a refund. Flower still sees events and workers (heartbeats).
worker_enable_remote_control = False
# Cancelling a task amid a provider call makes an unknown outcome.
worker_cancel_long_running_tasks_on_connection_loss = False
# Memory that some library leaks is given back now and then.
worker_max_tasks_per_child = 10_000
# Flower lives on events.
worker_send_task_events = _configured.task_events
task_send_sent_event = False

# A broker that is away is waited for, for ever; the supervisor watches the process.
broker_connection_retry_on_startup = True
broker_connection_max_retries = None
# What Redis refuses (it is full, or a replica) is waited for as well. Not by the stock transport,
# which would empty the queue while it cannot note what it took.
broker_channel_error_retry = _configured.transport == "safe"
# A publisher gives up after seconds and says so; its caller sends again.
task_publish_retry_policy = {
    "max_retries": 3,
    "interval_start": 0.1,
    "interval_step": 0.3,
    "interval_max": 1.0,
}
broker_pool_acquire_timeout = 5.0
# Both transports get all of these; each ignores what is the other's.
broker_transport_options = {
    # Safe: a consumer that does not tell of life for so long is dead, and others get its messages.
    # Longer than the event loop can be kept: by a task's hard limit, when the pool is solo or the
    # worker is told to stop.
    "owner_ttl": 120,
    # Safe: so many frames that are no messages are kept in each `<queue>.dead`, for a look.
    "dead_letters_max": 10_000,
    # Stock: longer than three hard limits, else running work is delivered again.
    "visibility_timeout": 300,
    # Seconds between two looks. Safe: at what is due, to tell of life, to take over from the dead.
    # Stock: for messages over their visibility timeout.
    "unacked_restore_interval": 5,
    # Stock: at each look, by one consumer at a time, which may die over it.
    "unacked_restore_throttle": 1,
    "unacked_restore_limit": 100,
    "unacked_mutex_expire": 30,
    # No call on a dead socket hangs for ever.
    "socket_timeout": 10,
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    # Waiting has no socket timeout: so long after its end the connection counts as dead.
    "health_check_interval": 10,
    # Whoever calls decides whether to call again.
    "retry_on_timeout": False,
    # One list a queue: purge, monitors and LLEN see all of it, and the safe transport has no more.
    "priority_steps": [0],
    # In `CLIENT LIST`.
    "client_name": "refund-worker",
}

enable_utc = True
timezone = "UTC"

beat_schedule = {
    REPAYMENTS_SWEEP: {
        "task": REPAYMENTS_SWEEP,
        "schedule": _configured.sweep_seconds,
    },
    OUTBOX_RELAY: {"task": OUTBOX_RELAY, "schedule": _configured.relay_seconds},
}
