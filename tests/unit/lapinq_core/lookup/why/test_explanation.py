"""Why a task is where it is, in words: a sentence for every reason, and what to do about it."""

import re
import shlex
from typing import get_args

import click
import pytest

from lapinq.cli import cli
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
from lapinq_core.lookup.why.explanation import words
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
from tests.support.rows.task_details import after

RATE = Rate(90_000, 60, 90_000)
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
        Parents(3, [Neighbour("a1", "fetch", "running"), Neighbour("a2", "parse", "blocked")]),
        "It waits for 3 tasks of its workflow: fetch (running), parse (blocked) and 1 more.",
        "See why the first one waits: lapinq task why a1",
    ),
    (Parents(1, []), "It waits for 1 task of its workflow.", None),
    (
        Waits("a1", [Wait("signal", ["it is"], None, None, after(10), after(600))], 1),
        f"It waits for the signal 'it is' since {AT[3:]}, at most until {LATER[3:]}.",
        "Send it, with a value in JSON: lapinq task signal a1 'it is'",
    ),
    (
        Waits("a1", [Wait("signal", ["yes"], None, None, after(10), None)], 1, ["yess", "no"]),
        f"It waits for the signal 'yes' since {AT[3:]}. Signals have come that it does not wait for: 'yess', 'no'.",
        "Send it, with a value in JSON: lapinq task signal a1 yes",
    ),
    (
        Waits("a1", [Wait("task", [], "a1", "running", after(10), None)], 3),
        f"It waits for the end of the task a1 (running) since {AT[3:]}; and 2 more.",
        "See why that one has not ended: lapinq task why a1",
    ),
    (
        Waits("a1", [Wait("task", [], None, None, after(10), None)], 1),
        f"It waits for the end of another task since {AT[3:]}.",
        None,
    ),
    (
        Waits("a1", [Wait("sleep", [], None, None, after(10), after(600))], 1),
        f"It sleeps since {AT[3:]}, until {LATER[3:]}.",
        None,
    ),
    (
        OtherVersion("a1", None, 0, [WorkerVersion("b", "3")], None),
        "Its steps are of the one without a version of its function, which no live worker has: b has version 3.",
        "Start a worker with the one without a version of the function, or run it again from its beginning:"
        " lapinq task rerun a1",
    ),
    (
        OtherVersion("a1", "2", 1, [], after(600)),
        "Its last worker did not have version 2 of its function, which its steps are of. The next attempt is due"
        f" {LATER}.",
        None,
    ),
    (
        NotDue(after(600), True, "ValueError: no\nreally"),
        f"Its last attempt failed (ValueError: no). The next one is due {LATER}.",
        None,
    ),
    (
        NotDue(after(600), True, f"searched: {', '.join(['/usr/lib'] * 30)}"),
        f"Its last attempt failed (searched: {', '.join(['/usr/lib'] * 19)} …). The next one is due {LATER}.",
        None,
    ),
    (
        NotDue(after(600), True, "x" * 300),
        f"Its last attempt failed ({'x' * 200}…). The next one is due {LATER}.",
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
    *(
        (
            BreakerOpen("big mail", after(10), 5, None, 60, tries_at, probe),
            f"The circuit breaker of its queue is open since {AT[3:]}, after 5 failures in a row. {next_one}",
            "Fix what its tasks need. Then wait, or close the breaker: lapinq queue close-breaker 'big mail'",
        )
        for tries_at, probe, next_one in (
            (after(10), None, f"It tries one task {AT}."),
            (None, "0199", "It is trying task 0199."),
            (None, None, "It tries the next task."),
        )
    ),
    (
        BreakerOpen("mail", after(10), 5, None, 60, after(10), None, "send mail"),
        f"It waits for the circuit breaker of the task 'send mail', open since {AT[3:]}, after 5 failures in a row."
        f" It tries one task {AT}.",
        "Fix what these tasks need. Then wait, or close the breaker: lapinq breaker close 'send mail'",
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
        QueueFull(5, 5, Ahead(3), "mail"),
        "Its queue is at its limit: 5 running, at most 5 allowed. 3 tasks are ahead of it.",
        "Wait for one to end, or allow more, for example: lapinq queue set mail --max-running 6",
    ),
    (
        AllBusy(8, 8, Ahead(3)),
        "All workers of its queue are busy (8 of 8 slots in use). 3 tasks are ahead of it.",
        "Start more workers, or raise their concurrency.",
    ),
    (
        Isolated(Isolation.ISOLATED, Ahead(None)),
        "Its last attempt may have crashed its process, so it waits for a process of its own."
        " Other tasks may be ahead of it.",
        None,
    ),
    (InLine(Ahead(0)), "It waits for its turn. It is next in its queue.", None),
    (InLine(Ahead(1)), "It waits for its turn. 1 task is ahead of it.", None),
    (
        InLine(Ahead(10_000, is_capped=True)),
        "It waits for its turn. More than 10000 tasks are ahead of it.",
        None,
    ),
    (
        QueueRate(100, 60, 100, 0.61, "mail", Ahead(3)),
        "Its queue starts at most 100 tasks in 60 s. The next may start in 0.6 s. 3 tasks are ahead of it.",
        "Wait, or raise the rate, for example: lapinq queue set mail --rate 200/m",
    ),
    (
        KeyOrder("a1", HeadState.RUNNING, None, "mail", Ahead(0, of_key=True)),
        "Its queue starts the tasks of a key in order, and task a1 of its key is running. It is the next of its key.",
        "Wait until it ends, or cancel it: lapinq task cancel a1",
    ),
    (
        KeyOrder("a1", HeadState.DELAYED, after(600), "mail", Ahead(1, of_key=True)),
        "Its queue starts the tasks of a key in order, and task a1 of its key waits for its next attempt, due"
        f" {LATER}. 1 task of its key is ahead of it.",
        "Let it run now (lapinq task run a1), or cancel it: lapinq task cancel a1",
    ),
    (
        KeyOrder("a1", HeadState.READY, None, "mail", Ahead(2, of_key=True)),
        "Its queue starts the tasks of a key in order, and task a1 of its key goes first. 2 tasks of its key are"
        " ahead of it.",
        "See why that one waits: lapinq task why a1",
    ),
    (
        KeyFull(
            2, 2, [Holder("a1", after(10)), Holder("a2", after(600))], "big mail", Ahead(10_000, True, True)
        ),
        "2 of at most 2 tasks of its key run: a1 since 12:00:10, a2 since 12:10:00. More than 10000 tasks of its key"
        " are ahead of it.",
        "Wait for one to end, or allow more of a key, for example:"
        " lapinq queue set 'big mail' --max-running-per-key 3",
    ),
    (
        KeyRate(0.5, 1, 3, 12.4, "mail", Ahead(0, of_key=True)),
        "At most 0.5 tasks a second of its key may start. The next may start in 12 s. It is the next of its key.",
        "Wait, or raise the rate, for example: lapinq queue set mail --rate-per-key 1/s/3",
    ),
    (
        LimitClosed("openai", after(600), Ahead(None)),
        "It waits for the limit 'openai', which a task closed until 12:10:00 UTC. Other tasks may be ahead of it.",
        "Wait, or open it: lapinq limit open openai",
    ),
    (
        LimitFull("gpu", 5, 4, [Holder("a1", after(10))], Ahead(0), Rules(4, None)),
        "It waits for the limit 'gpu': 5 of at most 4 tasks run: a1 since 12:00:10 and 4 more."
        " It is next in its queue.",
        "Wait for one to end, or allow more, for example: lapinq limit set gpu --max-running 5",
    ),
    (
        LimitUsed("openai", 1200, 89_999.7, 90_000, 12, Ahead(3, of_key=True), Rules(None, RATE)),
        "It waits for the limit 'openai': 90,000 of 90,000 units are used, and it needs 1,200; enough in 12 s."
        " 3 tasks of its key are ahead of it.",
        "Wait, or raise the rate, for example: lapinq limit set openai --rate 180000/m",
    ),
    (
        LimitShort("openai", "a1", 1200, 12, Ahead(0, of_key=True), Rules(7, RATE)),
        "It waits for the limit 'openai': task a1 is before it and needs 1,200 units; enough in 12 s. It is the next"
        " of its key.",
        "Wait, or raise the rate, for example: lapinq limit set openai --max-running 7 --rate 180000/m",
    ),
    (
        LimitTooSmall("openai", 1200, 1000, Rules(7, Rate(90_000, 60, 1000))),
        "It needs 1,200 units of the limit 'openai', which never has more than 1,000, so it will never start.",
        "Raise the burst: lapinq limit set openai --max-running 7 --rate 90000/m/1200",
    ),
    (
        FairTurn(Ahead(1), Ahead(0, of_key=True)),
        "Its queue shares starts among keys. About 1 task starts before it. It is the next of its key.",
        None,
    ),
    (
        FairTurn(Ahead(10_000, is_capped=True), Ahead(7, of_key=True)),
        "Its queue shares starts among keys. More than 10000 tasks start before it."
        " 7 tasks of its key are ahead of it.",
        None,
    ),
    (
        FairTurn(Ahead(0), Ahead(0, of_key=True)),
        "Its queue shares starts among keys. It starts next. It is the next of its key.",
        None,
    ),
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


def test_every_command_in_a_remedy_is_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    """As far as the command line reads it, which needs no server."""

    def read_only(_command: click.Command, _context: click.Context) -> None: ...

    monkeypatch.setattr(click.Command, "invoke", read_only)
    commands = [
        shlex.split(found)
        for _, _, remedy in CASES
        for found in re.findall(r"lapinq ((?:'[^']*'|[^ '(),]+ ?)+)", remedy or "")
    ]
    assert len(commands) >= 14
    for command in commands:
        cli.main([word.replace("a1", "01a22035") for word in command], standalone_mode=False)
