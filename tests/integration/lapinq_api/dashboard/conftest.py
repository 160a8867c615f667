"""What tests of the dashboard's pages share."""

from functools import partial

import pytest

from lapinq_api.dashboard.views.operating import error, worker
from lapinq_api.dashboard.views.tasks import tasks
from lapinq_core.lookup import good_run


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The searches of a page have all the time they take, also on a busy machine."""
    for module in (error, tasks, worker):
        monkeypatch.setattr(module, "SEARCH_SECONDS", 5.0)
    monkeypatch.setattr(tasks, "count", partial(tasks.count, seconds=5.0))
    monkeypatch.setattr(good_run, "SCAN_SECONDS", 5.0)
