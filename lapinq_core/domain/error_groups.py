"""Errors that belong together: attempts of one task function in one queue that failed with the same kind of error."""

from enum import StrEnum
from hashlib import sha256

COUNT_SPANS = {300: 2 * 86_400, 3600: 30 * 86_400}
"""The spans for which failures are counted, and how long the counts are kept, in seconds."""

FLUSH_SECONDS = 10.0
"""How often a worker writes its counts while tasks keep failing."""

MAX_GROUPS = 10_000
KEPT_SECONDS = 90 * 86_400
"""How long after its last failure a group is deleted."""

OTHER_KIND = "(other errors)"
"""The kind under which errors are counted when a task fails in too many ways to tell them apart."""


class GroupState(StrEnum):
    """What people know of a group. A failure after `RESOLVED` makes it `REGRESSED`; one after the end of `MUTED` makes
    it `OPEN` again."""

    OPEN = "open"
    REGRESSED = "regressed"
    MUTED = "muted"
    RESOLVED = "resolved"


def fingerprint_of(queue: str, task_name: str, kind: str) -> str:
    """What identifies a group, in hexadecimal digits."""
    return sha256("\0".join((queue, task_name, kind)).encode()).hexdigest()[:32]
