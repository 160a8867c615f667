"""A module that takes its time to be imported, longer than its tasks may run."""

import time

time.sleep(1.5)


def quick() -> str:
    """Returns immediately."""
    return "quick"


async def aquick() -> str:
    """The same as a coroutine."""
    return "quick"
