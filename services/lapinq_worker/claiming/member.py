"""Under which name a worker claims, and what the fleet tells it."""

from typing import Protocol

from lapinq_core.fleet.workers import Place


class Member(Protocol):
    """The worker in the fleet (`liveness.membership`). All of it may change between two statements."""

    @property
    def id(self) -> str:
        """A worker that was declared dead gets a new one."""
        ...

    @property
    def is_quiet(self) -> bool:
        """Somebody asked it to claim nothing more."""
        ...

    @property
    def place(self) -> Place:
        """Its position among its peers."""
        ...

    @property
    def watched(self) -> frozenset[str]:
        """The task names that have a circuit breaker."""
        ...
