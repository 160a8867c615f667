"""Workers as an operator sees them: how one is, and what may be asked of it."""

from enum import StrEnum


class WorkerRequest(StrEnum):
    """What may be asked of a worker. To let it go on is to ask for nothing any more."""

    QUIET = "quiet"
    """Claim nothing more, and go on beating."""
    STOP = "stop"
    """End, as on SIGTERM. It can't be taken back."""


class WorkerState(StrEnum):
    """How a worker is."""

    ALIVE = "alive"
    QUIET = "quiet"
    """It claims nothing more: it was asked to, or ends over a signal."""
    STOPPING = "stopping"
    """It was asked to stop."""
    LATE = "late"
    """Its last beat is older than half its lease."""
    DEAD = "dead"
    """It was given up, and others have its tasks."""
