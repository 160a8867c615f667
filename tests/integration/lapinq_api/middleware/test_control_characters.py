"""A path with a control character leads nowhere: no guard that compares paths sees another one than the router."""

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

pytestmark = pytest.mark.http


def test_it_is_a_404_for_everybody(keyed: httpx.Client) -> None:
    for path in (
        "/%0A",
        "/login%0A",
        "/me%0A",
        "/admin/users%0A",
        "/api/v1/queues%0A",
        "/docs%7F",
        "/a%C2%85",
    ):
        for headers in ({}, {"X-API-Key": ""}):
            for method in ("GET", "POST"):
                answer = keyed.request(method, path, headers=headers)
                told = {"error": "there is nothing at this path"}
                assert (answer.status_code, answer.json()) == (404, told), path
                assert answer.headers["x-request-id"]
                assert answer.headers["x-content-type-options"] == "nosniff"
    with pytest.raises(InvalidStatus) as refused:
        connect(f"ws://{keyed.base_url.host}:{keyed.base_url.port}/ws%0A", proxy=None)
    assert refused.value.response.status_code == 404
