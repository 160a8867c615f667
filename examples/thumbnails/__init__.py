"""Make thumbnails of photographs with plain functions, which a worker runs in child processes."""
