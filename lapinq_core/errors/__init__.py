"""Errors in groups, with their history: counting failures, reading groups, what people say of them, upkeep."""
