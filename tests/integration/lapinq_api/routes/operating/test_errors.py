"""Groups of errors over HTTP: which there are, and what people say of them."""

from typing import Any

import httpx
import psycopg

from lapinq_core.error_groups import groups, recording
from lapinq_core.error_groups.groups import ErrorGroup
from tests.support.database.running import on_connections
from tests.support.http.refusals import Row, check_queries_refused, check_refused
from tests.support.http.schedules_over_http import pages
from tests.support.rows.factories import Conn
from tests.support.rows.failures import failures

ERRORS = "/api/v1/errors"


def fail(database: str, queue: str, *errors: str) -> None:
    """Counts failures with these errors."""

    async def write(conn: Conn) -> None:
        for error in errors:
            await recording.record(conn, [failures(error, queue=queue)])

    on_connections(database, write)


def listed(client: httpx.Client, **params: Any) -> list[dict[str, Any]]:
    answer = client.get(ERRORS, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_groups_are_listed_newest_first_page_by_page(
    api: httpx.Client, api_database: str, queue: str
) -> None:
    fail(api_database, queue, "A: 1", "B: 2", "C: 3")
    groups = listed(api, queue=queue)
    assert [group["kind"] for group in groups] == ["C: *", "B: *", "A: *"]
    assert list(groups[0]) == list(ErrorGroup.__struct_fields__)
    assert list(pages(api, ERRORS, queue=queue, limit=2)) == [groups[:2], groups[2:]]
    assert api.get(f"{ERRORS}/{groups[0]['id']}").json() == groups[0]
    assert listed(api, queue=queue, state="resolved") == listed(api, queue=queue, task_name="x") == []
    assert len(listed(api, queue=queue, task_name="SEN", state="open")) == 3


def test_a_group_is_resolved_muted_and_reopened(
    api: httpx.Client, api_database: str, queue: str, db: psycopg.Connection
) -> None:
    fail(api_database, queue, "A: 1")
    (group,) = listed(api, queue=queue)
    path = f"{ERRORS}/{group['id']}"
    wrong: list[Row] = [
        ({}, "reason"),
        ({"reason": "x" * 1001}, "reason"),
        ({"reason": "a\0b"}, "reason"),
        ({"seconds": 0}, "seconds"),
        ({"seconds": 1e9}, "seconds"),
        ({"until": 1}, "until"),
    ]
    check_refused(api, "POST", f"{path}/mute", wrong)
    assert listed(api, queue=queue) == [group]
    assert api.post(f"{path}/resolve").json()["state"] == "resolved"
    fail(api_database, queue, "A: 1")
    assert api.get(path).json()["state"] == "regressed"
    muted = api.post(f"{path}/mute", json={"seconds": 60, "reason": "known"}).json()
    assert (muted["state"], muted["state_reason"]) == ("muted", "known")
    assert api.post(f"{path}/reopen").json()["state"] == "open"
    noted = db.execute(
        "SELECT action, details FROM lapinq_audit WHERE target = %s ORDER BY id", (str(group["id"]),)
    ).fetchall()
    assert [action for action, _ in noted] == ["error.resolve", "error.mute", "error.reopen"]
    of_group = {"queue": queue, "task_name": "send", "kind": "A: *"}
    assert noted[1][1] == {**of_group, "seconds": 60.0, "reason": "known"}


def test_groups_are_merged_and_split(api: httpx.Client, api_database: str, queue: str) -> None:
    fail(api_database, queue, "A: x", "B: x")
    b, a = listed(api, queue=queue)
    path = f"{ERRORS}/{b['id']}/merge"
    wrong: list[Row] = [
        ({}, "into"),
        ({"into": 0}, "into"),
        ({"into": b["id"]}, "into"),
        ({"into": "1"}, "into"),
    ]
    check_refused(api, "POST", path, wrong)
    fail(api_database, f"{queue} elsewhere", "A: x")
    [elsewhere] = listed(api, queue=f"{queue} elsewhere")
    # Who may not see the other queue can't tell a group in it from none.
    refused = [api.post(path, json={"into": into}).json() for into in (elsewhere["id"], groups.MAX_ID)]
    assert refused[0] == refused[1]
    assert api.post(path, json={"into": a["id"]}).json()["failed"] == 2
    [merged] = api.get(f"{ERRORS}/{a['id']}/merged").json()
    assert merged["kind"] == "B: x"
    split = f"{ERRORS}/{a['id']}/split"
    check_refused(api, "POST", split, [({}, "fingerprint"), ({"fingerprint": "x"}, "fingerprint")])
    assert api.post(split, json={"fingerprint": merged["fingerprint"]}).json()["kind"] == "B: x"
    assert api.post(split, json={"fingerprint": merged["fingerprint"]}).status_code == 404
    assert [group["kind"] for group in listed(api, queue=queue, type="B")] == ["B: x"]


def test_what_names_no_group(api: httpx.Client) -> None:
    assert api.get(f"{ERRORS}/{10**17}").status_code == 404
    assert api.post(f"{ERRORS}/{10**17}/resolve").status_code == 404
    for wrong in ("0", str(10**18)):
        assert api.get(f"{ERRORS}/{wrong}").status_code == 400
    fields = {"state": "new", "queue": "", "task_name": "", "type": "", "cursor": "x", "sort": "x"}
    check_queries_refused(api, "GET", ERRORS, [({name: value}, name) for name, value in fields.items()])
