import httpx
import pytest

from lapinq._waiting import FIRST_PAUSE_SECONDS, LONGEST_HOLD_SECONDS, Waiting
from lapinq.errors import RequestRefused, ResultTimeout, ServerUnavailable

NOT_FINISHED = {"error": "task not finished", "status": "running"}


def waiting(timeout: float | None = 30, poll_interval: float = 0.5) -> Waiting:
    return Waiting("7", timeout, poll_interval, now=100.0)


def test_a_finished_task_is_its_result_object() -> None:
    result = {
        "id": "7",
        "status": "failed",
        "result": None,
        "error": "boom",
        "completed_at": "2026-01-01T00:00:00Z",
    }
    assert waiting().read(httpx.Response(200, json=result)) == result


@pytest.mark.parametrize("status_code", [200, 202, 404, 409])
def test_not_finished_is_known_by_the_body_whatever_the_code(status_code: int) -> None:
    assert waiting().read(httpx.Response(status_code, json=NOT_FINISHED)) is None


@pytest.mark.parametrize("status_code", [429, 502, 503, 504])
def test_a_server_that_is_away_or_overloaded_is_asked_again(status_code: int) -> None:
    assert waiting().read(httpx.Response(status_code, json={"error": "later"})) is None


@pytest.mark.parametrize("status_code", [400, 401, 403, 404, 500])
def test_a_lasting_refusal_is_raised(status_code: int) -> None:
    with pytest.raises(RequestRefused, match=f"^no result of task 7: {status_code}: no") as raised:
        waiting().read(httpx.Response(status_code, json={"error": "no"}))
    assert raised.value.status_code == status_code


def test_pauses_start_short_and_grow_to_the_interval() -> None:
    wait = waiting(poll_interval=0.5)
    pauses = [wait.pause(100.0) for _ in range(20)]
    assert pauses[0] == FIRST_PAUSE_SECONDS
    assert pauses == sorted(pauses)
    assert pauses[-1] == 0.5


def test_a_shorter_interval_is_kept_from_the_start() -> None:
    wait = waiting(poll_interval=0.01)
    assert [wait.pause(100.0) for _ in range(3)] == [0.01] * 3


def test_an_interval_of_nothing_does_not_spin() -> None:
    assert waiting(poll_interval=0).pause(100.0) > 0


def test_the_last_pause_ends_with_the_time() -> None:
    wait = waiting(timeout=1, poll_interval=0.5)
    for _ in range(20):
        wait.pause(100.0)
    assert wait.pause(100.9) == pytest.approx(0.1)


def test_when_time_is_up_it_says_what_was_seen() -> None:
    wait = waiting(timeout=2)
    wait.read(httpx.Response(200, json=NOT_FINISHED))
    with pytest.raises(
        ResultTimeout, match=r"^task 7 had not finished after 2 s \(last seen as running\)"
    ) as raised:
        wait.pause(102.0)
    assert isinstance(raised.value, TimeoutError)
    assert (raised.value.task_id, raised.value.status) == ("7", "running")


def test_when_time_is_up_and_the_server_is_away_that_is_the_cause() -> None:
    wait = waiting(timeout=2)
    trouble = ServerUnavailable("no answer from http://x")
    wait.missed(trouble)
    with pytest.raises(ResultTimeout, match="no answer from http://x") as raised:
        wait.pause(102.0)
    assert raised.value.__cause__ is trouble


def test_trouble_that_has_passed_is_not_reported() -> None:
    wait = waiting(timeout=2)
    wait.missed(ServerUnavailable())
    wait.read(httpx.Response(200, json=NOT_FINISHED))
    with pytest.raises(ResultTimeout, match="last seen as running") as raised:
        wait.pause(102.0)
    assert raised.value.__cause__ is None


def test_retry_after_is_respected_within_the_time() -> None:
    wait = waiting(timeout=10)
    wait.read(httpx.Response(429, json={"error": "slow down"}, headers={"Retry-After": "4"}))
    assert wait.pause(100.0) == 4
    assert wait.pause(108.0) == 2


@pytest.mark.parametrize("header", ["Wed, 21 Oct 2026 07:28:00 GMT", "-1", "²", ""])
def test_a_retry_after_that_is_no_number_of_seconds_is_passed_over(header: str) -> None:
    wait = waiting()
    wait.read(httpx.Response(503, headers=[(b"Retry-After", header.encode())]))
    assert wait.pause(100.0) == FIRST_PAUSE_SECONDS


def test_a_request_gets_what_is_left_but_enough_for_a_try() -> None:
    wait = waiting(timeout=10)
    assert wait.request_timeout(30, now=102.0) == 8
    assert wait.request_timeout(5, now=102.0) == 5
    assert wait.request_timeout(30, now=110.0) == 1


def test_the_server_is_to_hold_its_answer_for_what_is_left_within_bounds() -> None:
    wait = waiting(timeout=10)
    assert wait.hold(30, 102.0, has_place=True) == 8
    assert wait.request_timeout(30, now=102.0) == 9
    assert waiting(timeout=None).hold(30, 100.0, has_place=True) == LONGEST_HOLD_SECONDS
    assert waiting().hold(5, 100.0, has_place=True) == 4
    assert waiting().hold(30, 100.0, has_place=False) == 0
    assert waiting(timeout=0).hold(30, 100.0, has_place=True) == 0


def test_after_an_answer_that_was_held_back_it_asks_again_at_once() -> None:
    wait = waiting(timeout=60)
    assert wait.hold(30, 100.0, has_place=True) == 20
    assert wait.read(httpx.Response(200, json=NOT_FINISHED)) is None
    assert wait.pause(120.0) == 0


def test_a_server_that_does_not_hold_its_answer_back_is_polled() -> None:
    wait = waiting(timeout=60)
    pauses: list[float] = []
    for _ in range(20):
        wait.hold(30, 100.0, has_place=True)
        assert wait.read(httpx.Response(200, json=NOT_FINISHED)) is None
        pauses.append(wait.pause(100.01))
    assert (pauses[0], pauses[-1]) == (FIRST_PAUSE_SECONDS, 0.5)


def test_when_time_is_up_after_an_answer_that_was_held_back_it_says_so() -> None:
    wait = waiting(timeout=5)
    wait.hold(30, 100.0, has_place=True)
    wait.read(httpx.Response(200, json=NOT_FINISHED))
    with pytest.raises(ResultTimeout, match="last seen as running"):
        wait.pause(105.0)


def test_without_a_timeout_it_waits_for_ever() -> None:
    wait = waiting(timeout=None)
    assert wait.request_timeout(30, now=1e9) == 30
    assert wait.pause(1e9) > 0
