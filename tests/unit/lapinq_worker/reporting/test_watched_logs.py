"""A log is sent once a second while somebody looks, and rarely else."""

# pyright: reportPrivateUsage=false

import pytest

from lapinq_core.db.pool import make_pool
from lapinq_worker.reporting import live_logs
from lapinq_worker.reporting.live_logs import UNWATCHED_SECONDS, WATCHED_SECONDS, LiveLogs


class Attempt:
    """A running attempt that began long ago."""

    started = 0.0
    is_ended = False
    token = "t"

    def __init__(self, task_id: str) -> None:
        self.id = task_id

    def log_text(self) -> str:
        return "a line"


class Clock:
    now = 1000.0

    def perf_counter(self) -> float:
        return self.now


def test_an_attempt_rests_after_it_sent_unless_it_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(live_logs, "time", clock)
    logs = LiveLogs(make_pool("", "test", 1, timeout=1.0))
    seen, unseen = Attempt("seen"), Attempt("unseen")

    def sent() -> list[str]:
        logs.note(seen)
        logs.note(unseen)
        return [task_id for task_id, _, _ in logs._take_due()]

    assert sent() == ["seen", "unseen"]
    assert sent() == []
    logs.heard("seen other")
    logs.heard("")
    assert sent() == sent() == ["seen"]
    clock.now += WATCHED_SECONDS
    assert sent() == []
    clock.now += UNWATCHED_SECONDS - WATCHED_SECONDS
    assert sent() == ["seen", "unseen"]
    unseen.is_ended = seen.is_ended = True
    assert sent() == []
    assert not logs._changed
