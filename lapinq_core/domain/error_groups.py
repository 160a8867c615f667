"""Errors that belong together: attempts of one task function in one queue that failed in the same way."""

from enum import StrEnum
from hashlib import sha256

COUNT_SPANS = {300: 2 * 86_400, 3600: 30 * 86_400}
"""The spans for which failures are counted, and how long the counts are kept, in seconds."""

FLUSH_SECONDS = 10.0
"""How often a worker writes its counts while tasks keep failing."""

MAX_GROUPS = 10_000
KEPT_SECONDS = 90 * 86_400
"""How long after its last failure a group is deleted."""

MAX_GROUPS_OF_TASK = 50
CROWD_SECONDS = 7 * 86_400
"""If so many groups of a task function in a queue failed in this time, what is new counts in that of all others."""

MAX_SAMPLES = 5

OTHER_KIND = "(other errors)"
"""The kind under which errors are counted when a task fails in too many ways to tell them apart."""


class GroupState(StrEnum):
    """What people know of a group. A failure after `RESOLVED` makes it `REGRESSED`; one after the end of `MUTED` makes
    it `OPEN` again."""

    OPEN = "open"
    REGRESSED = "regressed"
    MUTED = "muted"
    RESOLVED = "resolved"


def fingerprint_of(queue: str, task_name: str, shape: str) -> str:
    """What identifies an error, in hexadecimal digits; `shape` is what identifies it in the task function."""
    return sha256("\0".join((queue, task_name, shape)).encode()).hexdigest()[:32]
