"""The names under which messages are sent. Producers in any language use these texts."""

CAPTURES_RECORD = "captures.record"
REFUNDS_REQUEST = "refunds.request"
REPAYMENTS_SWEEP = "repayments.sweep"
OUTBOX_RELAY = "outbox.relay"

QUEUE_CAPTURES = "captures"
QUEUE_REFUNDS = "refunds"
QUEUE_SWEEPS = "sweeps"

QUEUES = (QUEUE_REFUNDS, QUEUE_CAPTURES, QUEUE_SWEEPS)
"""All queues. An operator may give each its own workers."""
