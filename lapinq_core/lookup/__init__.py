"""Queries about tasks: search, failures, waiting times, one task in detail."""
