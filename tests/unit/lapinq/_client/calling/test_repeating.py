"""Which calls are repeated, after which pause, and how long one attempt may take."""

import pytest

from lapinq._client.calling.answer import Answer
from lapinq._client.calling.calls import Call, CancelTask, Enqueue, EnqueueBatch, ReadStatus
from lapinq._client.calling.repeating import MAX_PAUSE_SECONDS, Repetition
from lapinq.errors import ServerUnavailable
from lapinq_core.domain.tasks.chosen_id import MAX_REPEAT_SECONDS

SAFE = [
    Enqueue({}, "key"),
    Enqueue({}, task_id="id"),
    EnqueueBatch([], "key"),
    ReadStatus("7"),
    CancelTask("7"),
]
UNSAFE = [Enqueue({}), EnqueueBatch([])]
LATER = Answer(503, b"")


@pytest.mark.parametrize("call", SAFE)
def test_what_stores_nothing_twice_is_repeated(call: Call) -> None:
    repetition = Repetition(call, 30, now=100.0)
    for status in (429, 502, 503, 504):
        assert repetition.pause_after(Answer(status, b""), 100.0) is not None
    for arrived in (True, False):
        assert repetition.pause_after_error(ServerUnavailable(may_have_arrived=arrived), 100.0) is not None
    for status in (200, 201, 301, 400, 401, 403, 404, 409, 413, 500, 501):
        assert repetition.pause_after(Answer(status, b""), 100.0) is None


@pytest.mark.parametrize("call", UNSAFE)
def test_what_might_be_stored_twice_is_repeated_if_it_surely_was_not_stored(call: Call) -> None:
    repetition = Repetition(call, 30, now=100.0)
    assert repetition.pause_after(Answer(429, b""), 100.0) is not None
    assert repetition.pause_after_error(ServerUnavailable(may_have_arrived=False), 100.0) is not None
    assert repetition.pause_after_error(ServerUnavailable(may_have_arrived=True), 100.0) is None
    for status in (502, 503, 504):
        assert repetition.pause_after(Answer(status, b""), 100.0) is None


def test_pauses_grow_differ_and_end_with_the_time() -> None:
    def pauses() -> list[float]:
        repetition = Repetition(SAFE[0], 30, now=100.0)
        return [pause for _ in range(12) if (pause := repetition.pause_after(LATER, 100.0))]

    first, second = pauses(), pauses()
    assert first != second
    assert first[0] <= 0.05 < first[-1] <= MAX_PAUSE_SECONDS
    assert Repetition(SAFE[0], 30, now=100.0).pause_after(LATER, 130.0) is None


def test_a_call_that_is_repeated_for_a_second_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    repetition = Repetition(SAFE[0], 30, now=100.0)
    for now in (100.0, 100.9, 101.1, 103.0):
        repetition.pause_after_error(ServerUnavailable("no answer from http://h"), now)
    assert caplog.messages == ["no answer from http://h; trying again for up to 29 s"]
    other = Repetition(SAFE[0], 30, now=100.0)
    other.pause_after(Answer(503, b"", url="http://h"), 110.0)
    assert caplog.messages[1:] == ["http://h answered 503; trying again for up to 20 s"]


def test_retry_after_is_respected_or_ends_it() -> None:
    repetition = Repetition(SAFE[0], 30, now=100.0)
    assert repetition.pause_after(Answer(429, b"", {"retry-after": "20"}), 100.0) == 20
    assert repetition.pause_after(Answer(429, b"", {"retry-after": "20"}), 115.0) is None


def test_an_attempt_leaves_time_for_another_and_ends_with_the_time() -> None:
    repetition = Repetition(SAFE[0], 30, now=100.0)
    assert repetition.attempt_seconds(100.0) == 10
    assert repetition.attempt_seconds(125.0) == 5
    assert repetition.attempt_seconds(130.0) > 0
    assert Repetition(SAFE[0], 4, now=100.0).attempt_seconds(100.0) == 4
    assert Repetition(UNSAFE[0], 30, now=100.0).attempt_seconds(100.0) == 30


def test_it_ends_before_the_server_stops_recognizing_a_repetition() -> None:
    repetition = Repetition(SAFE[0], 10 * MAX_REPEAT_SECONDS, now=100.0)
    assert repetition.pause_after(LATER, 100.0 + MAX_REPEAT_SECONDS - 5) is not None
    assert repetition.pause_after(LATER, 100.0 + MAX_REPEAT_SECONDS) is None
