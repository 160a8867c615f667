"""What a worker tells about itself and its tasks: logs, metrics, figures, progress."""
