"""The fixtures for pytest. None acts on a test that doesn't ask for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lapinq.testing import EnqueuedTasks, InlineTasks


@pytest.fixture
def lapinq_captured() -> Iterator[EnqueuedTasks]:
    """Records what is enqueued and runs nothing."""
    from lapinq.testing import captured

    with captured() as tasks:
        yield tasks


@pytest.fixture
def lapinq_inline() -> Iterator[InlineTasks]:
    """Runs tasks in this process as soon as they are enqueued."""
    from lapinq.testing import inline

    with inline() as tasks:
        yield tasks
