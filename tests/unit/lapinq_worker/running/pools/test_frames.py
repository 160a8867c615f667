"""The frames between worker and child process survive any fragmentation."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lapinq_core.domain.tasks.outcome import (
    Cancelled,
    Committed,
    Completed,
    Died,
    Interrupted,
    Outcome,
    Raised,
    RetryAsked,
    Snoozed,
    Throttled,
    TimedOut,
    Unretryable,
    Unstarted,
    Unstorable,
    WorkerLost,
)
from lapinq_worker.running.pools.child_side.frames import (
    Call,
    Details,
    Frames,
    Greeting,
    LogLine,
    Ready,
    Report,
    Spend,
    frame,
    reportable,
)

details = st.builds(
    Details,
    st.text(),
    st.text(),
    st.text(),
    st.integers(1, 2**31),
    st.integers(0, 2**31),
    st.integers(0, 2**63 - 1),
    st.floats(0, 1e9),
    st.none() | st.floats(0, 1e12),
    st.none() | st.binary(),
)
calls = st.lists(st.builds(Call, st.text(), st.text(), st.binary(), st.binary(), details), max_size=5)
seconds = st.floats(0, 1e9)
reports = st.builds(
    Report,
    st.one_of(
        st.builds(Completed, st.text()),
        st.builds(Raised, st.text(), st.none() | st.text()),
        st.builds(RetryAsked, seconds, st.text(), st.none() | st.text()),
        st.builds(Unretryable, st.text(), st.none() | st.text()),
        st.builds(Snoozed, seconds),
        st.builds(Throttled, st.text(), seconds),
        st.builds(Cancelled, st.text()),
        st.builds(TimedOut, seconds),
        st.builds(Unstorable, st.text()),
        st.just(Committed()),
        st.just(Unstarted()),
    ),
    seconds,
    st.none() | st.tuples(st.integers(0, 100), st.none() | st.text()),
    st.booleans(),
    st.booleans(),
)
lines = st.builds(LogLine, st.integers(1, 2**63 - 1), st.text())
spends = st.builds(Spend, st.integers(1, 2**63 - 1), st.text(), st.floats(0, 1e12))


@given(st.lists(calls | reports | lines | spends, max_size=8), st.data())
def test_frames_come_out_whole_however_they_arrive(
    messages: list[list[Call] | Report | LogLine | Spend], data: st.DataObject
) -> None:
    stream = b"".join(map(frame, messages))
    frames, bodies = Frames(), list[bytes]()
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        bodies += frames.feed(stream[:size])
        stream = stream[size:]
    assert bodies == [frame(message)[4:] for message in messages]


@given(reports | lines)
def test_what_a_child_sends_is_read_as_it_was_written(sent: Report | LogLine) -> None:
    (body,) = Frames().feed(frame(sent))
    assert msgspec.msgpack.decode(body, type=Report | LogLine) == sent


@given(calls)
def test_calls_are_read_as_they_were_written(sent: list[Call]) -> None:
    (body,) = Frames().feed(frame(sent))
    assert msgspec.msgpack.decode(body, type=list[Call]) == sent


def test_the_greeting_and_its_answer_are_read_as_they_were_written() -> None:
    greeting = Greeting(["", "/ä"], ["app.*"], [], ["app:Traced"], 1024, "postgresql://h/d")
    first, second = Frames().feed(frame(greeting) + frame(Ready()))
    assert msgspec.msgpack.decode(first, type=Greeting) == greeting
    assert msgspec.msgpack.decode(second, type=Ready) == Ready()


def test_a_frame_may_have_several_megabytes() -> None:
    payload = bytes(range(256)) * 32 * 1024
    about = Details("", "", "", 1, 0, 0, 1.0, None, None)
    stream = frame([Call("m", "t", payload, b"{}", about)])
    frames, bodies = Frames(), list[bytes]()
    for start in range(0, len(stream), 65_536):
        bodies += frames.feed(stream[start : start + 65_536])
    (body,) = bodies
    assert msgspec.msgpack.decode(body, type=list[Call])[0].args == payload


@pytest.mark.parametrize("outcome", [Died("x"), Interrupted(), WorkerLost("w")])
def test_a_child_cannot_report_what_only_the_worker_sees(outcome: Outcome) -> None:
    with pytest.raises(AssertionError):
        reportable(outcome)
