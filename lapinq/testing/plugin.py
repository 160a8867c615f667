"""The fixtures for pytest. None acts on a test that doesn't ask for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lapinq.testing import Database, DatabaseWorker, EnqueuedTasks, InlineTasks


@pytest.fixture
def lapinq_captured() -> Iterator[EnqueuedTasks]:
    """Records enqueued tasks and runs none."""
    from lapinq.testing import captured

    with captured() as tasks:
        yield tasks


@pytest.fixture
def lapinq_inline() -> Iterator[InlineTasks]:
    """Runs tasks in this process as soon as they are enqueued."""
    from lapinq.testing import inline

    with inline() as tasks:
        yield tasks


@pytest.fixture
def lapinq_database() -> Iterator[Database]:
    """A migrated PostgreSQL database for this test alone."""
    from lapinq.testing import database

    with database() as found:
        yield found


@pytest.fixture
def lapinq_worker(lapinq_database: Database) -> DatabaseWorker:
    """Runs the tasks in `lapinq_database`."""
    from lapinq.testing import DatabaseWorker

    return DatabaseWorker(lapinq_database)
