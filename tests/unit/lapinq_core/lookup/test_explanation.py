"""Why a task is where it is, in words: a sentence for every reason, and what to do about it."""

from typing import get_args

from lapinq_core.domain.tasks.decide import Isolation
from lapinq_core.lookup.explanation import words
from lapinq_core.lookup.why_not_running import (
    AllBusy,
    AllQuiet,
    CancelRequested,
    CannotImport,
    Expiring,
    InLine,
    Isolated,
    NotDue,
    NoWorker,
    QueueFull,
    QueuePaused,
    Reason,
    WorkerDead,
    WorkerLate,
)
from tests.support.rows.task_details import after

AT, LATER = "at 2026-01-31 12:00:10 UTC", "at 2026-01-31 12:10:00 UTC"
CASES: list[tuple[Reason, str, str | None]] = [
    (
        Expiring(after(10), after(600)),
        f"Its time to live ends {AT}, before it is due {LATER}, so it will never start.",
        "Enqueue it again with a longer ttl_seconds.",
    ),
    (
        Expiring(after(10), None),
        f"Its time to live ended {AT}, so it will never start.",
        "Enqueue it again with a longer ttl_seconds, or add workers.",
    ),
    (NotDue(after(600), False, None), f"It is scheduled for {LATER[3:]}.", None),
    (
        NotDue(after(600), True, "ValueError: no\nreally"),
        f"Its last attempt failed (ValueError: no). The next one is due {LATER}.",
        None,
    ),
    (NotDue(after(600), False, "snoozed"), f"It snoozed until {LATER[3:]}.", None),
    (
        CannotImport("app", "ImportError", after(600)),
        "Its worker could not find the function or import the module app (ImportError)."
        f" The next attempt is due {LATER}.",
        "Put the module where the workers run and restart them, or enqueue the task under the right name.",
    ),
    (
        QueuePaused("lisa", after(10), "moving house"),
        f"Its queue was paused by lisa {AT} (reason: moving house).",
        "Resume the queue to let it run.",
    ),
    (QueuePaused(None, after(10), None), f"Its queue was paused {AT}.", "Resume the queue to let it run."),
    (
        NoWorker("big mail"),
        "No live worker serves the queue 'big mail'.",
        "Start one: lapinq worker --queue 'big mail'",
    ),
    (
        AllQuiet("mail", 1),
        "The only worker of the queue 'mail' is quiet.",
        "Resume it, or start another: lapinq worker --queue mail",
    ),
    (
        AllQuiet("mail", 2),
        "All 2 workers of the queue 'mail' are quiet.",
        "Resume one, or start another: lapinq worker --queue mail",
    ),
    (
        QueueFull(5, 5, 3, False),
        "Its queue is at its limit: 5 running, at most 5 allowed. 3 tasks are ahead of it.",
        "Wait for one to end, or raise the queue's max_running.",
    ),
    (
        AllBusy(8, 8, 3, False),
        "All workers of its queue are busy (8 of 8 slots in use). 3 tasks are ahead of it.",
        "Start more workers, or raise their concurrency.",
    ),
    (
        Isolated(Isolation.ISOLATED, None, False),
        "Its last attempt may have crashed its process, so it waits for a process of its own."
        " Other tasks may be ahead of it.",
        None,
    ),
    (InLine(0, False), "It waits for its turn. It is next in its queue.", None),
    (InLine(1, False), "It waits for its turn. 1 task is ahead of it.", None),
    (InLine(10_000, True), "It waits for its turn. More than 10000 tasks are ahead of it.", None),
    (
        WorkerDead("38bc81d3", None, None),
        "Its worker 38bc81d3 is dead. Any live worker moves the task to another within seconds.",
        "Start a worker if there is none.",
    ),
    (
        WorkerLate("38bc81d3", "box-7", after(10), after(600)),
        f"Its worker box-7 last sent a heartbeat {AT}. If it stays silent, the task moves to another worker after"
        f" {LATER[3:]}.",
        None,
    ),
    (
        CancelRequested(after(10)),
        f"Its worker was asked to stop it {AT}. It ends as cancelled unless it completes first.",
        None,
    ),
]


def test_every_reason_has_its_sentence_and_remedy() -> None:
    assert {type(reason) for reason, _, _ in CASES} == set(get_args(Reason))
    for reason, why, remedy in CASES:
        assert words(reason) == (why, remedy)
