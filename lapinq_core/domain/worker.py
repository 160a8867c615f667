"""Workers as operators see them: their state, and what can be asked of them."""

from enum import StrEnum


class WorkerRequest(StrEnum):
    """What can be asked of a worker. To resume it is to clear the request."""

    QUIET = "quiet"
    """Claim nothing more, and keep sending heartbeats."""
    STOP = "stop"
    """Shut down, as on SIGTERM. It cannot be undone."""


class WorkerState(StrEnum):
    """A worker's state."""

    ALIVE = "alive"
    QUIET = "quiet"
    """It claims nothing more: it was asked to be quiet, or is shutting down."""
    STOPPING = "stopping"
    """It was asked to stop."""
    LATE = "late"
    """Its last heartbeat is older than half its lease."""
    DEAD = "dead"
    """It was declared dead, and other workers get its tasks."""
