"""The names that the durable workflow's executors and its client agree on."""

APPLICATION = "benchmark"
VERSION = "1"
WORKFLOW = "benchmark.refund"
QUEUE = "benchmark"
