"""A first task. To use your own tasks, set APP_DIR in `.env`."""

import platform


def greet(name: str) -> str:
    """Say hello, with the name of the container."""
    return f"hello, {name}, from {platform.node()}"
