"""Why a task is not running, as sentences: there is one for every reason, and it says what to do."""

import re
from html import unescape
from typing import get_args

import pytest

from lapinq_api.dashboard.page.audience import Audience
from lapinq_api.dashboard.page.rendering import fragment
from lapinq_core.domain.limits.rate import Rate
from lapinq_core.domain.tasks.decide import Isolation
from lapinq_core.lookup.why.blocking import (
    HeadState,
    Holder,
    KeyFull,
    KeyOrder,
    KeyRate,
    LimitClosed,
    LimitFull,
    LimitShort,
    LimitTooSmall,
    LimitUsed,
    QueueFull,
    QueueRate,
    Rules,
)
from lapinq_core.lookup.why.line import Ahead
from lapinq_core.lookup.why.why_not_running import (
    AllBusy,
    AllQuiet,
    BreakerOpen,
    CancelRequested,
    CannotImport,
    Expiring,
    FairTurn,
    InLine,
    Isolated,
    NotDue,
    NoWorker,
    OtherVersion,
    Parents,
    QueuePaused,
    Reason,
    Wait,
    Waits,
    WorkerDead,
    WorkerLate,
    WorkerVersion,
)
from lapinq_core.workflows.reading import Neighbour
from tests.support.rows.task_details import after, task

AUDIENCE = Audience(locale="en", is_admin=True, grants=frozenset(), is_read_only=False, queues=None)
RULES = Rules(None, Rate(90_000, 60, 90_000))
AT, LATER = "2026-01-31 12:00:10 UTC", "2026-01-31 12:10:00 UTC"
CASES: list[tuple[Reason, str]] = [
    (
        Expiring(after(10), after(600)),
        f"Its time to live ends {AT}, before it is due {LATER}, so it will never start."
        " Enqueue it again with a longer ttl_seconds.",
    ),
    (Expiring(after(10), None), f"Its time to live ended {AT}, so it will never start."),
    (NotDue(after(600), False, None), f"It is scheduled for {LATER} ({LATER})."),
    (
        Parents(3, [Neighbour("1", "<fetch>", "running"), Neighbour("2", "parse", "blocked")]),
        "It waits for 3 tasks of its workflow, first <fetch> (running), parse (blocked).",
    ),
    (Parents(2, []), "It waits for 2 tasks of its workflow."),
    (
        Waits(
            "t",
            [
                Wait("signal", ["yes", "<no>"], None, None, after(10), after(600)),
                Wait("task", [], "c", "deleted", after(10), None),
                Wait("task", [], None, None, after(10), None),
                Wait("sleep", [], None, None, after(10), after(600)),
            ],
            5,
            ["noo"],
        ),
        f"It waits for the signal yes or <no> since {AT}. At most until {LATER}. It waits for the end of task c"
        f" (deleted) since {AT}. It waits for the end of another task since {AT}. It sleeps since {AT}, until {LATER}."
        " and 1 more Signals have come that it does not wait for: noo.",
    ),
    (
        OtherVersion("t", "2", 0, [WorkerVersion("a", "3"), WorkerVersion("b", None)], None),
        "Its steps are of version 2 of its function, which no live worker has: a (3), b (no version). Start a worker",
    ),
    (
        OtherVersion("t", "2", 1, [], after(600)),
        "Its last worker did not have version 2 of its function, which its steps are of. The next attempt is due"
        f" {LATER}",
    ),
    (NotDue(after(600), True, "ValueError: no"), f"Its last attempt failed. The next one is due {LATER}"),
    (NotDue(after(600), False, "snoozed"), f"It snoozed until {LATER}"),
    (
        CannotImport("app.<b>", "ModuleNotFoundError: app", None),
        "Its worker could not find the function or import the module app.<b>. Put the module where the workers"
        " run and restart them, or enqueue the task under the right name.",
    ),
    (CannotImport("app", "ImportError", after(600)), f"The next attempt is due {LATER} ({LATER})."),
    (
        QueuePaused("<lisa>", after(10), "moving <house>"),
        f"Queue it's <mail> was paused by <lisa> {AT}. Reason: moving <house>."
        " Resume the queue to let it run.",
    ),
    (QueuePaused(None, after(10), None), f"Queue it's <mail> was paused {AT}. Resume the queue"),
    (
        NoWorker("it's <mail>"),
        "No live worker serves queue it's <mail>. Start one: lapinq worker --queue 'it'\"'\"'s <mail>'.",
    ),
    (
        AllQuiet("it's <mail>", 1),
        "The only worker of queue it's <mail> is quiet. Start another with"
        " lapinq worker --queue",
    ),
    (AllQuiet("it's <mail>", 2), "All 2 workers of queue it's <mail> are quiet."),
    (
        BreakerOpen("it's <mail>", after(10), 5, None, 60, after(600), None),
        f"The circuit breaker of queue it's <mail> is open since {AT}: 5 failures in a row."
        f" It tries one task at {LATER}. Fix what its tasks need.",
    ),
    (BreakerOpen("mail", after(10), 1, None, 60, None, "0199"), "It is trying task 0199."),
    (
        BreakerOpen("mail", after(10), 1000, 1200, 90, None, None),
        f"is open since {AT}: 1\u202f000 failures in 1\u202f200 attempts within 1 min 30 s.",
    ),
    (
        BreakerOpen("mail", after(10), 1, None, 60, None, None, "<send>"),
        f"It waits for the circuit breaker of the task <send>, which is open since {AT}: 1 failure in a row."
        " It tries the next task. Fix what these tasks need.",
    ),
    (
        QueueFull(5, 5, Ahead(3), "it's <mail>"),
        "Queue it's <mail> is at its limit: 5 running, at most 5 allowed. 3 tasks are ahead of it."
        " Wait for one to end, or raise the queue's limit.",
    ),
    (
        AllBusy(8, 8, Ahead(3)),
        "All workers of queue it's <mail> are busy (8 of 8 slots in use). 3 tasks are ahead of it."
        " Start more workers, or raise their concurrency: Workers.",
    ),
    (
        Isolated(Isolation.ISOLATED, Ahead(None)),
        "Its last attempt may have crashed its process, so it waits for a process of its own."
        " Other tasks may be ahead of it.",
    ),
    (InLine(Ahead(0)), "It waits for its turn. It is next in its queue."),
    (InLine(Ahead(1)), "It waits for its turn. 1 task is ahead of it."),
    (InLine(Ahead(10_000, is_capped=True)), "It waits for its turn. More than 10\u202f000 tasks are ahead of it."),
    (
        QueueRate(100, 60, 100, 0.61, "mail", Ahead(3)),
        "Queue it's <mail> starts at most 100 tasks in 1 min. The next may start in 610 ms. 3 tasks are ahead of it.",
    ),
    (
        KeyOrder("a1", HeadState.RUNNING, None, "mail", Ahead(0, of_key=True)),
        "task a1 of its key is running. It is the next of its key. Wait until it ends, or cancel it.",
    ),
    (KeyOrder("a1", HeadState.DELAYED, after(600), "mail", Ahead(1, of_key=True)), f"attempt, due {LATER}. 1 task"),
    (KeyOrder("a1", HeadState.READY, None, "mail", Ahead(2, of_key=True)), "task a1 of its key goes first. 2 tasks of"),
    (
        KeyFull(3, 2, [Holder("a1", after(10)), Holder("a2", after(600))], "mail", Ahead(10_000, True, True)),
        f"3 of at most 2 tasks of its key run: a1 since {AT}, a2 since {LATER} and 1 more."
        " More than 10\u202f000 tasks of its key are ahead of it. Wait for one to end, or allow more of a key in queue"
        " it's <mail>.",
    ),
    (KeyRate(1, 2, 1, 12.4, "mail", Ahead(0, of_key=True)), "At most 1 task in 2 s of its key may start. The next"),
    (LimitClosed("o<b>", after(600), Ahead(None)), f"It waits for the limit o<b>, which a task closed until {LATER}."),
    (
        LimitFull("gpu", 4, 4, [Holder("a1", after(10))], Ahead(0), RULES),
        f"4 of at most 4 tasks run: a1 since {AT} and 3",
    ),
    (
        LimitUsed("openai", 1200, 89_999.7, 90_000, 12, Ahead(3, of_key=True), RULES),
        "It waits for the limit openai: 90\u202f000 of 90\u202f000 units are used, and it needs 1\u202f200; enough"
        " in 12 s. 3 tasks of its key are ahead of it.",
    ),
    (LimitShort("openai", "a1", 1200, 12, Ahead(0), RULES), "task a1 is before it and needs 1\u202f200 units; enough"),
    (LimitTooSmall("openai", 1200, 1000, RULES), "units of the limit openai, which never has more than 1\u202f000, so"),
    (FairTurn(Ahead(1), Ahead(0, of_key=True)), "About 1 task starts before it. It is the next of its key."),
    (FairTurn(Ahead(10_000, is_capped=True), Ahead(7, of_key=True)), "More than 10\u202f000 tasks start before it."),
    (FairTurn(Ahead(0), Ahead(0, of_key=True)), "It starts next. It is the next of its key."),
    (FairTurn(Ahead(None), Ahead(None)), "Tasks of other keys may start before it. Other tasks may be ahead of it."),
    (WorkerDead("38bc81d3", None, None), "Its worker 38bc81d3 is dead. Any live worker moves the task"),
    (WorkerDead("38bc81d3", "box <7>", after(10)), "Its worker box <7> is dead. Any live worker moves the task"),
    (
        WorkerLate("38bc81d3", "box <7>", after(10), after(600)),
        f"Its worker box <7> last sent a heartbeat {AT}. If it stays silent, the task moves to another worker after"
        f" {LATER}.",
    ),
    (CancelRequested(after(10)), f"Its worker was asked to stop it {AT}. It ends as cancelled unless it"),
]  # fmt: skip


def test_every_reason_has_its_sentence() -> None:
    assert {type(reason) for reason, _ in CASES} == set(get_args(Reason))


@pytest.mark.parametrize(("reason", "sentence"), CASES, ids=lambda one: type(one).__name__)
def test_a_reason_is_told_with_its_remedy(reason: Reason, sentence: str) -> None:
    html = fragment(
        "parts/task-why.html",
        AUDIENCE,
        up="../",
        task=task(queue_name="it's <mail>"),
        reason=reason,
        reason_kind=reason.__struct_config__.tag,
        queue_option="'it'\"'\"'s <mail>'",
    )
    assert not re.search(r"<(b|mail|lisa|house|7)>", html)
    told = " ".join(re.split(r"[ \n]+", unescape(re.sub(r"<[^>]+>", "", html))))
    assert sentence in told
    assert "  " not in told
    assert "None" not in told
