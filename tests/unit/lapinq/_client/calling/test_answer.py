import httpx
import pytest

from lapinq._client.calling.answer import Answer, answer_of, refusal


def test_a_refusal_carries_the_servers_sentence_and_details() -> None:
    details = [{"loc": "priority", "msg": "not an integer"}]
    answer = httpx.Response(
        400, json={"error": "a wrong value", "details": details}, headers={"X-Request-ID": "r1"}
    )
    error = refusal(answer_of(answer), "task add was not enqueued")
    assert error is not None
    assert str(error) == "task add was not enqueued: 400: a wrong value (priority: not an integer)"
    assert (error.status_code, error.error, error.details) == (400, "a wrong value", details)
    assert error.request_id == "r1"


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (httpx.Response(502, text="<h1>Bad gateway</h1>"), "<h1>Bad gateway</h1>"),
        (httpx.Response(503), "Service Unavailable"),
        (httpx.Response(400, json=["no object"]), '["no object"]'),
        (httpx.Response(400, json={"error": 5, "details": "odd"}), '{"error":5,"details":"odd"}'),
        (httpx.Response(301, headers={"Location": "https://x/"}), "Moved Permanently"),
    ],
)
def test_an_answer_that_is_not_lapinqs_is_quoted(answer: httpx.Response, sentence: str) -> None:
    error = refusal(answer_of(answer), "it")
    assert error is not None
    assert (error.error, error.details) == (sentence, [])


def test_a_success_is_no_refusal() -> None:
    assert refusal(answer_of(httpx.Response(201, json={"task_id": "1"})), "it") is None


def test_an_answer_without_http_becomes_a_response_on_demand() -> None:
    response = Answer(201, b'{"task_id":"1"}', {"x-request-id": "r1"}, "postgresql://db/lapinq").as_response()
    assert (response.status_code, response.json()) == (201, {"task_id": "1"})
    assert response.headers["X-Request-ID"] == "r1"
    assert response.raise_for_status() is response
