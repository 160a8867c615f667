"""Limits what requests may ask of the database, and answers quickly while it is away."""
