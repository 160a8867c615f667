"""A module whose import goes on until a file exists; for tests of that."""

import os
import time
from pathlib import Path

while not Path(os.environ["TEST_ENDLESS_IMPORT"]).exists():
    time.sleep(0.01)


async def f() -> None:
    """Nothing, once it was imported."""
