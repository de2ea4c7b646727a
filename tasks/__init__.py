"""How work arrives: explicit names and queues. A task is an envelope, at most five statements."""
