import httpx
import pytest

from lapinq._client.calling.answer import Answer, answer_of, refusal


def test_a_refusal_carries_what_the_server_said_once() -> None:
    wrong = {"loc": "priority", "msg": "not an integer"}
    between = {"loc": "max_retries", "msg": "must be between 0 and 100"}
    too_many = {"loc": "", "msg": "must be a list of at most 1000 tasks"}
    for sentence, detail, told in (
        ("a wrong value", wrong, "a wrong value (priority: not an integer)"),
        ("max_retries must be between 0 and 100", between, "max_retries must be between 0 and 100"),
        (
            "the body must be a list of at most 1000 tasks",
            too_many,
            "the body must be a list of at most 1000 tasks",
        ),
    ):
        body = {"error": sentence, "details": [detail]}
        answer = httpx.Response(400, json=body, headers={"X-Request-ID": "r1"})
        error = refusal(answer_of(answer), "task add was not enqueued")
        assert error is not None
        assert str(error) == f"task add was not enqueued: 400: {told}"
        assert (error.status_code, error.error, error.details) == (400, sentence, [detail])
        assert error.request_id == "r1"
    assert refusal(answer_of(httpx.Response(201, json={"task_id": "1"})), "it") is None


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (httpx.Response(502, text="<h1>Bad gateway</h1>"), "<h1>Bad gateway</h1>"),
        (httpx.Response(503), "Service Unavailable"),
        (httpx.Response(400, json=["no object"]), '["no object"]'),
        (httpx.Response(400, json={"error": 5, "details": "odd"}), '{"error":5,"details":"odd"}'),
    ],
)
def test_an_error_that_is_not_lapinqs_asks_for_the_server(answer: httpx.Response, sentence: str) -> None:
    answer.request = httpx.Request("POST", "http://127.0.0.1:8001/api/v1/enqueue")
    error = refusal(answer_of(answer), "it failed")
    assert error is not None
    assert str(error) == (
        f"it failed: http://127.0.0.1:8001/api/v1/enqueue answered {answer.status_code} {answer.reason_phrase}"
        " without an error of lapinq: is it a lapinq server?"
    )
    assert (error.error, error.details) == (sentence, [])


@pytest.mark.parametrize(("answer", "told"), [
    (httpx.Response(301, headers={"Location": "https://x/"}), "redirects to https://x/, and the client does not"),
    (httpx.Response(404, json={"error": "there is nothing at this path"}), ": http://127.0.0.1:8001/api/v1/api/v1/enqueue."),
    (httpx.Response(404, json={"error": "there is no task with this id"}), "has not committed yet, or it was deleted"),
    (httpx.Response(413, json={"error": "too large"}), "batches and workflows LAPINQ_MAX_BATCH"),
])  # fmt: skip
def test_a_refusal_says_what_to_do(answer: httpx.Response, told: str) -> None:
    answer.request = httpx.Request("POST", "http://127.0.0.1:8001/api/v1/api/v1/enqueue")
    assert told in str(refusal(answer_of(answer), "it failed"))


def test_an_answer_without_http_becomes_a_response_on_demand() -> None:
    response = Answer(201, b'{"task_id":"1"}', {"x-request-id": "r1"}, "postgresql://db/lapinq").as_response()
    assert (response.status_code, response.json()) == (201, {"task_id": "1"})
    assert response.headers["X-Request-ID"] == "r1"
    assert response.raise_for_status() is response
