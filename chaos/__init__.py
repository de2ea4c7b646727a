"""Thousands of refunds under injected faults, and the verdict of a checker: `make chaos`."""
