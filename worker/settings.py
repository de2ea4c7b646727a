"""Settings, from the environment only. Secrets never appear in a message, log or table."""

from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Every setting with its unit last in its name.

    `DATABASE_URL` and `REDIS_URL` have no prefix, all others start with `REFUNDS_`.
    """

    model_config = SettingsConfigDict(
        env_prefix="REFUNDS_", env_ignore_empty=True, extra="ignore", frozen=True
    )

    database_url: Annotated[SecretStr | None, Field(validation_alias="DATABASE_URL")] = None
    redis_url: Annotated[SecretStr | None, Field(validation_alias="REDIS_URL")] = None

    transport: Literal["safe", "stock"] = "safe"
    """How messages are taken from Redis: by processing lists, or as kombu does by itself."""

    data_dir: Path = Path(".local")
    """Where embedded servers keep their files when neither URL is set."""

    batch_size: Annotated[int, Field(ge=1, le=500)] = 100
    """How many messages share one transaction, at the most."""

    batch_wait_seconds: Annotated[float, Field(gt=0, le=5)] = 0.1
    """How long the first message of a batch waits for others, while others keep coming."""

    task_events: bool = True
    """Whether workers send the events that Flower shows. Without them they are faster."""

    call_timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 20.0
    """The longest that one provider call may take."""

    calls_at_once: Annotated[int, Field(ge=1, le=200)] = 16
    """How many provider calls one process makes at the same time."""

    patience_seconds: Annotated[float, Field(gt=0, le=60)] = 2.0
    """How long a batch waits for its providers; slower calls go on by themselves."""

    lease_seconds: Annotated[float, Field(gt=0, le=3600)] = 90.0
    """How long a claimed repayment is its claimer's. Longer than a batch's calls can take."""

    sweep_seconds: Annotated[float, Field(gt=0, le=3600)] = 5.0
    """How often beat looks for repayments that are due."""

    relay_seconds: Annotated[float, Field(gt=0, le=3600)] = 1.0
    """How often beat publishes the outbox."""

    attempts_max: Annotated[int, Field(ge=1, le=1000)] = 12
    """After so many attempts a repayment is parked for a person."""

    parked_deadline_hours: Annotated[int, Field(ge=1)] = 24
    """How long a parked message may wait for its owner."""

    policy_file: Path | None = None
    """A TOML file with windows, limits, approvals and return fees, in place of the default."""

    sandbox_script: Path | None = None
    """A JSON file that tells the sandbox provider how to behave; see docs/sandbox.md."""

    log_level: str = "INFO"
    log_json: bool = False


@cache
def settings() -> Settings:
    """The process's settings, read once."""
    return Settings()
