"""Files of captures and refund requests."""
