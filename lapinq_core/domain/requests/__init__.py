"""Requests as every way to lapinq takes them: their structs, their values, and decoding them."""
