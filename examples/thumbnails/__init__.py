"""Thumbnails of photographs: plain functions, which a worker runs in child processes."""
