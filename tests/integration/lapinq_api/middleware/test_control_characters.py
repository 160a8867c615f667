"""A path with a control character leads nowhere: no guard that compares paths sees another one than the router."""

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

pytestmark = pytest.mark.http

SENTENCE = {"error": "there is nothing at this path"}


def test_it_is_a_404_for_everybody(keyed: httpx.Client) -> None:
    for path in (
        "/%0A", "/login%0A", "/me%0A", "/admin/users%0A", "/metrics%0A", "/api/v1/queues%0A", "/tasks/%00", "/docs%7F",
        "/health%C2%85",
    ):  # fmt: skip
        for headers in ({}, {"X-API-Key": ""}):
            for method in ("GET", "POST"):
                answer = keyed.request(method, path, headers=headers)
                assert (answer.status_code, answer.json()) == (404, SENTENCE), path
                assert answer.headers["x-request-id"]
                assert answer.headers["x-content-type-options"] == "nosniff"


def test_there_is_no_socket_either(api: httpx.Client) -> None:
    with pytest.raises(InvalidStatus) as refused:
        connect(f"ws://{api.base_url.host}:{api.base_url.port}/ws%0A", proxy=None)
    assert refused.value.response.status_code == 404
