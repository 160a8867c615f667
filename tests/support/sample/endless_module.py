"""A module whose import runs until a file exists."""

import os
import time
from pathlib import Path

while not Path(os.environ["TEST_ENDLESS_IMPORT"]).exists():
    time.sleep(0.01)


async def f() -> None:
    """Nothing, once it was imported."""
