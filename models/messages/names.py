"""The names under which messages are sent. Producers in any language use these texts."""

CAPTURES_RECORD = "captures.record"
REFUNDS_REQUEST = "refunds.request"
REPAYMENTS_SWEEP = "repayments.sweep"
OUTBOX_RELAY = "outbox.relay"

QUEUE_CAPTURES = "captures"
QUEUE_REFUNDS = "refunds"
QUEUE_SWEEPS = "sweeps"

QUEUE_OF = {
    CAPTURES_RECORD: QUEUE_CAPTURES,
    REFUNDS_REQUEST: QUEUE_REFUNDS,
    REPAYMENTS_SWEEP: QUEUE_SWEEPS,
    OUTBOX_RELAY: QUEUE_SWEEPS,
}
"""Where each message goes, for the worker's routes and for publishers."""

QUEUES = (QUEUE_REFUNDS, QUEUE_CAPTURES, QUEUE_SWEEPS)
"""All queues. An operator may give each its own workers."""
