import json

import httpx

from lapinq import TaskQueue, __version__
from lapinq._client.calling.calls import Enqueue, ReadResult, ReadStatus
from lapinq._client.http.requests import request_of


def test_enqueue_posts_the_entry() -> None:
    request = request_of(Enqueue({"task_name": "add", "args": [1]}), TaskQueue())
    assert (request.method, request.url) == ("POST", "http://127.0.0.1:8001/api/v1/enqueue")
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["User-Agent"] == f"lapinq/{__version__}"
    assert request.content is not None
    assert json.loads(request.content) == {"task_name": "add", "args": [1]}


def test_the_key_is_sent_only_when_there_is_one() -> None:
    assert "X-API-Key" not in request_of(Enqueue({}), TaskQueue()).headers
    assert request_of(ReadResult("1"), TaskQueue(api_key="secret")).headers["X-API-Key"] == "secret"


def test_a_server_under_a_path_keeps_it() -> None:
    request = request_of(ReadStatus("7"), TaskQueue("https://example.org/tasks/"))
    assert (request.method, request.url) == ("GET", "https://example.org/tasks/api/v1/tasks/7")


def test_settings_can_be_changed_after_the_queue_was_made() -> None:
    queue = TaskQueue()
    queue.server_url = "http://other:1"
    queue.api_key = "late"
    request = request_of(Enqueue({}), queue)
    assert (request.url, request.headers["X-API-Key"]) == ("http://other:1/api/v1/enqueue", "late")


def test_an_id_leads_nowhere_else() -> None:
    request = request_of(ReadResult("../queues/mail?x=#1"), TaskQueue("https://example.org"))
    assert httpx.URL(request.url).raw_path == b"/api/v1/tasks/..%2Fqueues%2Fmail%3Fx%3D%231/result"
