"""The Celery queue: batches of messages on the worker's side, publishing on the producer's."""
