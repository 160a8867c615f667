"""The frames between worker and child process survive any fragmentation."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lapinq_core.domain.outcome import (
    Completed,
    Died,
    Interrupted,
    Outcome,
    Raised,
    RetryAsked,
    TimedOut,
    Unstarted,
    Unstorable,
)
from lapinq_worker.pools.frames import Call, Frames, Greeting, Ready, Report, frame, reportable

calls = st.lists(st.builds(Call, st.text(), st.text(), st.binary(), st.binary()), max_size=5)
reports = st.builds(
    Report,
    st.one_of(
        st.builds(Completed, st.text()),
        st.builds(Raised, st.text(), st.none() | st.text()),
        st.builds(RetryAsked, st.floats(0, 1e9), st.text(), st.none() | st.text()),
        st.builds(Unstorable, st.text()),
    ),
    st.floats(0, 1e9),
)


@given(st.lists(calls | reports, max_size=8), st.data())
def test_frames_come_out_whole_however_they_arrive(
    messages: list[list[Call] | Report], data: st.DataObject
) -> None:
    stream = b"".join(map(frame, messages))
    frames, bodies = Frames(), list[bytes]()
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        bodies += frames.feed(stream[:size])
        stream = stream[size:]
    assert bodies == [frame(message)[4:] for message in messages]


@given(reports)
def test_a_report_is_read_as_it_was_written(report: Report) -> None:
    (body,) = Frames().feed(frame(report))
    assert msgspec.msgpack.decode(body, type=Report) == report


@given(calls)
def test_calls_are_read_as_they_were_written(sent: list[Call]) -> None:
    (body,) = Frames().feed(frame(sent))
    assert msgspec.msgpack.decode(body, type=list[Call]) == sent


def test_the_greeting_and_its_answer_are_read_as_they_were_written() -> None:
    greeting = Greeting(["", "/ä"], ["app.*"], [])
    first, second = Frames().feed(frame(greeting) + frame(Ready()))
    assert msgspec.msgpack.decode(first, type=Greeting) == greeting
    assert msgspec.msgpack.decode(second, type=Ready) == Ready()


def test_a_frame_may_have_several_megabytes() -> None:
    payload = bytes(range(256)) * 32 * 1024
    stream = frame([Call("m", "t", payload, b"{}")])
    frames, bodies = Frames(), list[bytes]()
    for start in range(0, len(stream), 65_536):
        bodies += frames.feed(stream[start : start + 65_536])
    (body,) = bodies
    assert msgspec.msgpack.decode(body, type=list[Call])[0].args == payload


@pytest.mark.parametrize("outcome", [TimedOut(1.0), Died("x"), Interrupted(), Unstarted()])
def test_a_child_cannot_report_what_only_the_worker_sees(outcome: Outcome) -> None:
    with pytest.raises(AssertionError):
        reportable(outcome)
