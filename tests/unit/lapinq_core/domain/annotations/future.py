"""Functions whose annotations are text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID  # noqa: TC003  # resolved at run time

from tests.unit.lapinq_core.domain.annotations.decorators import passing, replacing

if TYPE_CHECKING:
    Session = Any


def partly_resolved(session: Session, key: UUID, keys: list[Session]) -> Session:
    """Names a type that only type checkers know."""


@passing
def decorated(key: UUID) -> None:
    """Called by a wrapper that takes anything."""


@replacing
def replaced(key: UUID) -> None:
    """Called by a wrapper with the same parameter."""
