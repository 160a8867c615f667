"""The OpenAPI description, generated from the declared operations."""
