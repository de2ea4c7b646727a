"""The wire contract: Pydantic models, one a message, versioned, strict."""
