"""Writing files from tasks."""

import uuid
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(target: Path) -> Generator[Path]:
    """A path to write to; at the end of the block it replaces `target` in one step.

    A task can be killed half-way and run again, even while its first run continues elsewhere. So each run
    writes its own temporary file, and readers of `target` see a complete file or none.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    try:
        yield part
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
