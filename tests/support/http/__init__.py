"""Servers and clients over real HTTP, and requests of all kinds."""
