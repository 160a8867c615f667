"""The frames between worker and child process survive any fragmentation."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lapinq_core.domain.tasks.durable.messages import (
    Enqueued,
    Fetch,
    Link,
    Linked,
    Load,
    Loaded,
    Lost,
    Row,
    Spawn,
    Store,
    Stored,
    Text,
    Wait,
)
from lapinq_core.domain.tasks.outcome import (
    Cancelled,
    Committed,
    Completed,
    Died,
    Interrupted,
    OfOtherVersion,
    Outcome,
    Raised,
    RetryAsked,
    Snoozed,
    Suspended,
    Throttled,
    TimedOut,
    Unretryable,
    Unstarted,
    Unstorable,
    WorkerLost,
)
from lapinq_worker.running.pools.child_side.frames import (
    Answered,
    Ask,
    Call,
    Chunk,
    Details,
    Failed,
    Frames,
    Greeting,
    LogLine,
    Ready,
    Report,
    Spend,
    ToChild,
    ToWorker,
    frame,
    reportable,
)

ABOUT = Details("id", "queue", "1", 2, 3, 2**62, 1.5, 1e12, b"{}")
CALLS: list[Any] = [
    Chunk([]),
    Chunk([Call("module", "täsk", b"[1]", bytes(range(256)), ABOUT)] * 2),
    Chunk([Call("", "", b"", b"", Details("", "", "", 1, 0, 0, 0.0, None, None))]),
    *(
        Answered(2**62, answer)
        for answer in (
            Stored(),
            Lost(),
            Loaded([Row("ä", 1, "task", "failed", "null", 4, "expired")] * 2, "2"),
            Row("a", 0, "sleep", None),
            Text('"ä"'),
            Enqueued(201, "{}"),
            Linked("https://lapinq.example/"),
            Failed("no", is_refused=True),
        )
    ),
]
TOLD: list[Any] = [
    *(
        Report(outcome, 1.5, progress, is_told, not is_told)
        for outcome in (
            Completed('"ä"'),
            Raised("no", None),
            RetryAsked(2.5, "later", "Traceback"),
            Unretryable("no", "Traceback"),
            Snoozed(1e9),
            Suspended("sleeps"),
            OfOtherVersion("it needs another"),
            Throttled("api", 30.0),
            Cancelled("asked"),
            TimedOut(0.5),
            Unstorable("no"),
            Committed(),
            Unstarted(),
        )
        for progress, is_told in ((None, False), ((50, "half"), True))
    ),
    LogLine(2**62, "ä" * 100),
    Spend(7, "api", 1.5),
    *(
        Ask(1, 2**62, request)
        for request in (
            Load(),
            Fetch("ä", 7),
            Store("a", 0, "step", '"ä"', 0.5, "2"),
            Wait("a|b", 0, "signal", None, ["a", "b"], None, None),
            Spawn("a", 0, "{}"),
            Link("a", "", 1, 60.0, "title"),
        )
    ),
]


@given(st.lists(st.sampled_from([*CALLS, *TOLD]), max_size=8), st.data())
def test_frames_come_out_whole_however_they_arrive(messages: list[Any], data: st.DataObject) -> None:
    stream = b"".join(map(frame, messages))
    frames, bodies = Frames(), list[bytes]()
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        bodies += frames.feed(stream[:size])
        stream = stream[size:]
    assert bodies == [frame(message)[4:] for message in messages]


def test_what_either_side_sends_is_read_as_it_was_written() -> None:
    greeting = Greeting(["", "/ä"], ["app.*"], [], ["app:Traced"], 1024, "postgresql://h/d")
    kinds: list[tuple[list[Any], Any]] = [
        (CALLS, ToChild),
        (TOLD, ToWorker),
        ([greeting], Greeting),
        ([Ready()], Ready),
    ]
    for sent, kind in kinds:
        bodies = Frames().feed(b"".join(map(frame, sent)))
        assert [msgspec.msgpack.decode(body, type=kind) for body in bodies] == sent


@pytest.mark.parametrize("outcome", [Died("x"), Interrupted(), WorkerLost("w")])
def test_a_child_cannot_report_what_only_the_worker_sees(outcome: Outcome) -> None:
    with pytest.raises(AssertionError):
        reportable(outcome)
