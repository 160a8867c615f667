"""Writing files from tasks."""

import uuid
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(target: Path) -> Generator[Path]:
    """A path to write to, which takes the place of `target` at the end of the block.

    A task can be killed half-way and run again, even while its first run still goes on elsewhere. Each run
    writes a file of its own, and whoever reads `target` finds it whole or not at all.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    try:
        yield part
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
