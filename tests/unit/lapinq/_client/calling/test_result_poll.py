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


def test_a_finished_task_is_its_result_object() -> None:
    result = {
        "id": "7",
        "status": "failed",
        "result": None,
        "error": "boom",
        "completed_at": "2026-01-01T00:00:00Z",
    }
    assert poll_for().read(answer(200, json=result)) == result


@pytest.mark.parametrize("status_code", [200, 202, 404, 409])
def test_not_finished_is_known_by_the_body_whatever_the_code(status_code: int) -> None:
    assert poll_for().read(answer(status_code, json=NOT_FINISHED)) is None


@pytest.mark.parametrize("status_code", [429, 502, 503, 504])
def test_a_server_that_is_away_or_overloaded_is_asked_again(status_code: int) -> None:
    assert poll_for().read(answer(status_code, json={"error": "later"})) is None


@pytest.mark.parametrize("status_code", [400, 401, 403, 404, 500])
def test_a_lasting_refusal_is_raised(status_code: int) -> None:
    with pytest.raises(RequestRefused, match=f"^no result of task 7: {status_code}: no") as raised:
        poll_for().read(answer(status_code, json={"error": "no"}))
    assert raised.value.status_code == status_code


def test_pauses_start_short_and_grow_to_the_interval() -> None:
    poll = poll_for(poll_interval=0.5)
    pauses = [poll.pause(100.0) for _ in range(20)]
    assert pauses[0] == INITIAL_PAUSE_SECONDS
    assert pauses == sorted(pauses)
    assert pauses[-1] == 0.5


def test_a_shorter_interval_is_kept_from_the_start() -> None:
    poll = poll_for(poll_interval=0.01)
    assert [poll.pause(100.0) for _ in range(3)] == [0.01] * 3


def test_an_interval_of_nothing_does_not_spin() -> None:
    assert poll_for(poll_interval=0).pause(100.0) > 0


def test_the_last_pause_ends_with_the_time() -> None:
    poll = poll_for(timeout=1, poll_interval=0.5)
    for _ in range(20):
        poll.pause(100.0)
    assert poll.pause(100.9) == pytest.approx(0.1)


def test_when_time_is_up_it_says_what_was_seen() -> None:
    poll = poll_for(timeout=2)
    poll.read(answer(200, json=NOT_FINISHED))
    with pytest.raises(
        ResultTimeout, match=r"^task 7 had not finished after 2 s \(last seen as running\)"
    ) as raised:
        poll.pause(102.0)
    assert isinstance(raised.value, TimeoutError)
    assert (raised.value.task_id, raised.value.status) == ("7", "running")


@pytest.mark.parametrize(
    ("told", "ending"),
    [
        ({"why": "No worker.", "remedy": "Start one."}, r"\. No worker\. Start one\."),
        ({"why": "It waits for its turn.", "remedy": None}, r"\. It waits for its turn\."),
        ({"error": "nothing at this path"}, ""),  # an older server
        ({"why": 7}, ""),
    ],
)
def test_when_time_is_up_the_server_is_asked_why(told: dict[str, Any], ending: str) -> None:
    poll = poll_for(timeout=2)
    poll.read(answer(200, json=NOT_FINISHED))
    assert not poll.wants_why(101.9)
    assert poll.wants_why(102.0)
    poll.read_why(answer(200, json=told))
    with pytest.raises(ResultTimeout, match=rf"\(last seen as running\){ending}$"):
        poll.pause(102.0)


def test_nobody_asks_why_after_a_short_wait_or_without_an_answer() -> None:
    assert not poll_for(timeout=0.5).wants_why(102.0)
    poll = poll_for(timeout=2)
    poll.record_no_answer(ServerUnavailable("no answer from http://x"))
    assert not poll.wants_why(102.0)


def test_when_time_is_up_and_the_server_is_away_that_is_the_cause() -> None:
    poll = poll_for(timeout=2)
    error = ServerUnavailable("no answer from http://x")
    poll.record_no_answer(error)
    with pytest.raises(ResultTimeout, match="no answer from http://x") as raised:
        poll.pause(102.0)
    assert raised.value.__cause__ is error


def test_an_error_that_has_passed_is_not_reported() -> None:
    poll = poll_for(timeout=2)
    poll.record_no_answer(ServerUnavailable())
    poll.read(answer(200, json=NOT_FINISHED))
    with pytest.raises(ResultTimeout, match="last seen as running") as raised:
        poll.pause(102.0)
    assert raised.value.__cause__ is None


def test_retry_after_is_respected_within_the_time() -> None:
    poll = poll_for(timeout=10)
    poll.read(answer(429, json={"error": "slow down"}, headers={"Retry-After": "4"}))
    assert poll.pause(100.0) == 4
    assert poll.pause(108.0) == 2


@pytest.mark.parametrize("header", ["Wed, 21 Oct 2026 07:28:00 GMT", "-1", "²", ""])
def test_a_retry_after_that_is_no_number_of_seconds_is_passed_over(header: str) -> None:
    poll = poll_for()
    poll.read(answer(503, headers=[(b"Retry-After", header.encode())]))
    assert poll.pause(100.0) == INITIAL_PAUSE_SECONDS


def test_a_request_gets_what_is_left_but_enough_for_a_try() -> None:
    poll = poll_for(timeout=10)
    assert poll.request_timeout(30, now=102.0) == 8
    assert poll.request_timeout(5, now=102.0) == 5
    assert poll.request_timeout(30, now=110.0) == 1


def test_the_server_waits_for_the_time_left_within_bounds() -> None:
    poll = poll_for(timeout=10)
    assert poll.wait_seconds(30, 102.0) == 8
    assert poll.request_timeout(30, now=102.0) == 9
    assert poll_for(timeout=None).wait_seconds(30, 100.0) == MAX_WAIT_SECONDS
    assert poll_for().wait_seconds(5, 100.0) == 4
    assert poll_for(timeout=0).wait_seconds(30, 100.0) == 0


def test_after_a_long_poll_it_asks_again_at_once() -> None:
    poll = poll_for(timeout=60)
    assert poll.wait_seconds(30, 100.0) == 20
    assert poll.read(answer(200, json=NOT_FINISHED)) is None
    assert poll.pause(120.0) == 0


def test_a_server_that_answers_at_once_is_polled_with_pauses() -> None:
    poll = poll_for(timeout=60)
    pauses: list[float] = []
    for _ in range(20):
        poll.wait_seconds(30, 100.0)
        assert poll.read(answer(200, json=NOT_FINISHED)) is None
        pauses.append(poll.pause(100.01))
    assert (pauses[0], pauses[-1]) == (INITIAL_PAUSE_SECONDS, 0.5)


def test_when_time_is_up_after_a_long_poll_it_says_so() -> None:
    poll = poll_for(timeout=5)
    poll.wait_seconds(30, 100.0)
    poll.read(answer(200, json=NOT_FINISHED))
    with pytest.raises(ResultTimeout, match="last seen as running"):
        poll.pause(105.0)


def test_without_a_timeout_it_waits_for_ever() -> None:
    poll = poll_for(timeout=None)
    assert poll.request_timeout(30, now=1e9) == 30
    assert poll.pause(1e9) > 0
