import json

import httpx

from lapinq import TaskQueue, __version__
from lapinq._client.calling.calls import Enqueue, ReadResult, ReadStatus
from lapinq._client.http.requests import request_of


def test_enqueue_posts_the_entry_with_the_settings_of_the_moment() -> None:
    queue = TaskQueue()
    request = request_of(Enqueue({"task_name": "add", "args": [1]}), queue)
    assert (request.method, request.url) == ("POST", "http://127.0.0.1:8001/api/v1/enqueue")
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["User-Agent"] == f"lapinq/{__version__}"
    assert "X-API-Key" not in request.headers
    assert request.content is not None
    assert json.loads(request.content) == {"task_name": "add", "args": [1]}
    queue.server_url, queue.api_key = "http://other:1", "late"
    request = request_of(Enqueue({}), queue)
    assert (request.url, request.headers["X-API-Key"]) == ("http://other:1/api/v1/enqueue", "late")


def test_a_server_under_a_path_keeps_it_and_an_id_leads_nowhere_else() -> None:
    queue = TaskQueue("https://example.org/tasks/")
    request = request_of(ReadStatus("7"), queue)
    assert (request.method, request.url) == ("GET", "https://example.org/tasks/api/v1/tasks/7")
    request = request_of(ReadResult("../queues/mail?x=#1"), queue)
    path = b"/tasks/api/v1/tasks/..%2Fqueues%2Fmail%3Fx%3D%231/result"
    assert httpx.URL(request.url).raw_path == path
