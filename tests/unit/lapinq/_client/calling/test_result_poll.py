"""Waiting for a result: what an answer means, how long to pause, and what is said when the time is up."""

from typing import Any

import httpx
import pytest

from lapinq._client.calling.answer import Answer, answer_of
from lapinq._client.calling.result_poll import INITIAL_PAUSE_SECONDS, MAX_WAIT_SECONDS, ResultPoll
from lapinq.errors import RequestRefused, ResultTimeout, ServerUnavailable

NOT_FINISHED = {"error": "task not finished", "status": "running"}


def answer(status_code: int, **contents: Any) -> Answer:
    return answer_of(httpx.Response(status_code, **contents))


def poll_for(timeout: float | None = 30, poll_interval: float = 0.5) -> ResultPoll:
    return ResultPoll("7", timeout, poll_interval, now=100.0)


def told(poll: ResultPoll, now: float = 102.0) -> ResultTimeout:
    with pytest.raises(ResultTimeout) as raised:
        poll.pause(now)
    return raised.value


def test_what_an_answer_means() -> None:
    names = ("id", "status", "result", "error", "completed_at")
    result = dict.fromkeys(names, "x")
    assert poll_for().read(answer(200, json=result)) == result
    for code in (200, 202, 404, 409):  # known by the body, whatever the code
        assert poll_for().read(answer(code, json=NOT_FINISHED)) is None
    for code in (429, 502, 503, 504):
        assert poll_for().read(answer(code, json={"error": "later"})) is None
    for code in (400, 401, 403, 404, 500):
        with pytest.raises(RequestRefused, match=f"^no result of task 7: {code}: no") as raised:
            poll_for().read(answer(code, json={"error": "no"}))
        assert raised.value.status_code == code


def test_pauses_start_short_grow_to_the_interval_and_end_with_the_time() -> None:
    poll = poll_for(timeout=1, poll_interval=0.5)
    pauses = [poll.pause(100.0) for _ in range(20)]
    assert (pauses[0], pauses[-1]) == (INITIAL_PAUSE_SECONDS, 0.5)
    assert pauses == sorted(pauses)
    assert poll.pause(100.9) == pytest.approx(0.1)
    short = poll_for(poll_interval=0.01)
    assert [short.pause(100.0) for _ in range(3)] == [0.01] * 3
    assert poll_for(poll_interval=0).pause(100.0) > 0


def test_when_time_is_up_it_says_what_was_seen_last() -> None:
    poll = poll_for(timeout=2)
    away = ServerUnavailable("no answer from http://x")
    poll.record_no_answer(away)
    error = told(poll)
    assert "no answer from http://x" in str(error)
    assert error.__cause__ is away
    poll.read(answer(200, json=NOT_FINISHED))
    error = told(poll)
    assert str(error).startswith("task 7 had not finished after 2 s (last seen as running)")
    assert (error.task_id, error.status, error.__cause__) == ("7", "running", None)


@pytest.mark.parametrize(
    ("given", "ending"),
    [
        ({"why": "No worker.", "remedy": "Start one."}, ". No worker. Start one."),
        ({"why": "It waits for its turn.", "remedy": None}, ". It waits for its turn."),
        ({"error": "nothing at this path"}, ""),  # an older server
        ({"why": 7}, ""),
    ],
)
def test_when_time_is_up_the_server_is_asked_why(given: dict[str, Any], ending: str) -> None:
    poll = poll_for(timeout=2)
    poll.read(answer(200, json=NOT_FINISHED))
    assert not poll.wants_why(101.9)
    assert poll.wants_why(102.0)
    poll.read_why(answer(200, json=given))
    assert str(told(poll)).endswith(f"(last seen as running){ending}")


def test_nobody_asks_why_after_a_short_wait_or_without_an_answer() -> None:
    assert not poll_for(timeout=0.5).wants_why(102.0)
    poll = poll_for(timeout=2)
    poll.record_no_answer(ServerUnavailable("no answer from http://x"))
    assert not poll.wants_why(102.0)


def test_a_retry_after_in_seconds_is_respected_within_the_time() -> None:
    poll = poll_for(timeout=10)
    poll.read(answer(429, json={"error": "slow down"}, headers={"Retry-After": "4"}))
    assert [poll.pause(100.0), poll.pause(108.0)] == [4, 2]
    for header in ("Wed, 21 Oct 2026 07:28:00 GMT", "-1", "²", ""):
        poll = poll_for()
        poll.read(answer(503, headers=[(b"Retry-After", header.encode())]))
        assert poll.pause(100.0) == INITIAL_PAUSE_SECONDS, header


def test_a_request_and_the_servers_wait_get_what_is_left_of_the_time() -> None:
    poll = poll_for(timeout=10)
    assert [poll.request_timeout(30, 102.0), poll.request_timeout(5, 102.0)] == [8, 5]
    assert poll.request_timeout(30, 110.0) == 1  # enough for a try
    assert poll.wait_seconds(30, 102.0) == 8
    assert poll.request_timeout(30, 102.0) == 9
    assert poll_for().wait_seconds(5, 100.0) == 4
    assert poll_for(timeout=0).wait_seconds(30, 100.0) == 0
    for_ever = poll_for(timeout=None)
    assert for_ever.request_timeout(30, now=1e9) == 30
    assert for_ever.pause(1e9) > 0
    assert for_ever.wait_seconds(30, 100.0) == MAX_WAIT_SECONDS


def test_after_a_long_poll_it_asks_again_at_once_unless_the_server_did_not_wait() -> None:
    poll = poll_for(timeout=60)
    assert poll.wait_seconds(30, 100.0) == 20
    assert poll.read(answer(200, json=NOT_FINISHED)) is None
    assert poll.pause(120.0) == 0
    pauses: list[float] = []
    for _ in range(20):
        poll.wait_seconds(30, 120.0)
        poll.read(answer(200, json=NOT_FINISHED))
        pauses.append(poll.pause(120.01))
    assert (pauses[0], pauses[-1]) == (INITIAL_PAUSE_SECONDS, 0.5)
    poll.wait_seconds(30, 155.0)
    poll.read(answer(200, json=NOT_FINISHED))
    assert told(poll, 160.0).status == "running"
