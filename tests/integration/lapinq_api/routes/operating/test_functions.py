"""Task functions over the API: which are listed, and in which order."""

import httpx
import pytest

from lapinq_core.domain.figures import Figures
from lapinq_core.figures import task_rollups
from tests.support.database.running import on_connections
from tests.support.rows.factories import Conn

pytestmark = pytest.mark.http

PATH = "/api/v1/functions"


def test_they_are_searched_ordered_and_cut(api: httpx.Client, api_database: str) -> None:
    async def fill(conn: Conn) -> None:
        happened = {("q", f"send_{n}"): Figures(completed=10 * n, failed=int(n == 2)) for n in range(1, 4)}
        await task_rollups.record(conn, {**happened, ("q", "other"): Figures(completed=1)})

    on_connections(api_database, fill)

    def names(**query: str | int) -> tuple[list[str], int]:
        answer = api.get(PATH, params=query)
        assert answer.status_code == 200, answer.text
        found = answer.json()
        return [one["task_name"] for one in found["functions"]], found["more"]

    assert names(sort="-rate", limit=2) == (["send_3", "send_2"], 2)
    assert names(sort="name", search="SEND", window="7d") == (["send_1", "send_2", "send_3"], 0)
    assert names(sort="-failures", limit=1)[0] == ["send_2"]
    for query, field in (
        ("window=2h", "window"),
        ("sort=size", "sort"),
        ("search=%00", "search"),
        ("limit=0", "limit"),
    ):
        answer = api.get(f"{PATH}?{query}")
        assert (answer.status_code, field in answer.text) == (400, True), query
