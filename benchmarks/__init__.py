"""What refunds cost, measured beside a no-op Celery task and a durable workflow."""
