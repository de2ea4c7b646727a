"""Structured logs: one vocabulary, to standard error."""

import logging
import sys

import structlog

from worker.settings import settings


def configure_logging() -> None:
    """Set up structlog for this process: readable on a terminal, JSON when asked for."""
    configured = settings()
    level = logging.getLevelNamesMapping().get(configured.log_level.upper(), logging.INFO)
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer()
        if configured.log_json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
