"""Celery's settings hold together."""

from celery import Celery
from celery.app.defaults import NAMESPACES, flatten

import celeryconfig
from models.messages import names
from worker.settings import Settings

KNOWN = {name.replace("/", "_") for name, _ in flatten(NAMESPACES)}


def test_every_setting_is_one_that_celery_knows() -> None:
    ours = {
        name
        for name in vars(celeryconfig)
        if name[0] != "_" and name == name.lower() and name not in ("imports",)
    }
    assert ours - {"result_backend"} <= KNOWN | {"enable_utc", "timezone", "accept_content"}


def test_time_limits_enclose_each_other() -> None:
    defaults = Settings.model_fields
    call, lease = defaults["call_timeout_seconds"].default, defaults["lease_seconds"].default
    visible = celeryconfig.broker_transport_options["visibility_timeout"]
    assert isinstance(visible, int)
    assert lease / 2 + call < celeryconfig.task_soft_time_limit < celeryconfig.task_time_limit
    assert celeryconfig.task_time_limit <= lease
    assert celeryconfig.task_time_limit < visible / 3


def test_every_message_goes_to_the_queue_of_the_contract() -> None:
    app = Celery(config_source="celeryconfig", set_as_current=False)
    routed = {
        task: app.amqp.router.route({}, task)["queue"].name
        for task in (
            names.CAPTURES_RECORD,
            names.REFUNDS_REQUEST,
            names.REPAYMENTS_SWEEP,
            names.OUTBOX_RELAY,
        )
    }
    assert routed == {
        "captures.record": "captures",
        "refunds.request": "refunds",
        "repayments.sweep": "sweeps",
        "outbox.relay": "sweeps",
    }


def test_only_json_is_ever_deserialized_and_no_one_can_revoke() -> None:
    assert celeryconfig.accept_content == ["json"]
    assert celeryconfig.result_backend is None
    assert celeryconfig.worker_enable_remote_control is False
    assert celeryconfig.task_acks_late is True
