"""A task to begin with. Mount a directory of your own in its place: APP_DIR in `.env`."""

import platform


def greet(name: str) -> str:
    """Says hello, and from which container."""
    return f"hello, {name}, from {platform.node()}"
