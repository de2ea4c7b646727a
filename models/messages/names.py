"""The names under which messages are sent. Producers in any language use these texts."""

CAPTURES_RECORD = "captures.record"
CAPTURES_PAYMENT = "captures.payment"
REFUNDS_REQUEST = "refunds.request"
REFUNDS_APPROVE = "refunds.approve"
REFUNDS_DENY = "refunds.deny"
REFUNDS_CANCEL = "refunds.cancel"
REFUNDS_GOODS_RECEIVED = "refunds.goods_received"
DISPUTES_OPENED = "disputes.opened"
DISPUTES_CLOSED = "disputes.closed"
REPAYMENTS_SWEEP = "repayments.sweep"
OUTBOX_RELAY = "outbox.relay"

QUEUE_CAPTURES = "captures"
QUEUE_REFUNDS = "refunds"
QUEUE_SWEEPS = "sweeps"

QUEUE_OF = {
    CAPTURES_RECORD: QUEUE_CAPTURES,
    CAPTURES_PAYMENT: QUEUE_CAPTURES,
    REFUNDS_REQUEST: QUEUE_REFUNDS,
    REFUNDS_APPROVE: QUEUE_REFUNDS,
    REFUNDS_DENY: QUEUE_REFUNDS,
    REFUNDS_CANCEL: QUEUE_REFUNDS,
    REFUNDS_GOODS_RECEIVED: QUEUE_REFUNDS,
    DISPUTES_OPENED: QUEUE_REFUNDS,
    DISPUTES_CLOSED: QUEUE_REFUNDS,
    REPAYMENTS_SWEEP: QUEUE_SWEEPS,
    OUTBOX_RELAY: QUEUE_SWEEPS,
}
"""Where each message goes, for the worker's routes and for publishers."""

QUEUES = (QUEUE_REFUNDS, QUEUE_CAPTURES, QUEUE_SWEEPS)
"""All queues. An operator may give each its own workers."""
