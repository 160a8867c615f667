"""`lapinq fleet` on a real database."""

import json
import uuid
from functools import partial

import psycopg

from tests.support.database.running import on_connections
from tests.support.programs.command_line import ME, lapinq, noted
from tests.support.rows.factories import Conn, add_worker, beat


async def two_workers(conn: Conn) -> tuple[str, str]:
    told = await add_worker(conn, name="a\x1b[2J")
    await beat(conn, told, memory_bytes=100 * 2**20, running=2)
    return told, await add_worker(conn, name="b")


def test_workers_are_listed_and_asked_by_their_ids(database: str) -> None:
    first, second = on_connections(database, two_workers)
    listed = lapinq(database, "fleet", "list")
    assert (listed.exit_code, listed.stderr) == (0, "")
    one, two = listed.stdout.splitlines()
    assert one.startswith(f"{first}  alive     a?[2J ")
    assert one.endswith("2 of 4 running      100 MiB")
    assert two.startswith(f"{second}  alive     b ")
    assert "? of 4 running" in two

    for order, said in (("quiet", "stop claiming tasks"), ("resume", "claim tasks again"), ("stop", "stop")):
        asked = lapinq(database, "fleet", order, first)
        assert (asked.exit_code, asked.stdout) == (0, f"asked {first} to {said}\n")
    assert [entry[:4] for entry in noted(database)] == [
        (*ME, f"worker.{order}", first) for order in ("quiet", "resume", "stop")
    ]
    shown = json.loads(lapinq(database, "fleet", "list", "-j").stdout)
    assert [worker["asked_to"] for worker in shown["workers"]] == ["stop", None]
    assert f"stop requested by {ME[1]}" in lapinq(database, "fleet", "list").stdout


def test_what_cannot_be_asked_is_an_error(database: str) -> None:
    worker = on_connections(database, partial(add_worker, name="dead"))
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute("UPDATE lapinq_workers SET dead_at = now()")
    for which, code, why in (
        (worker, 1, "declared dead"),
        (str(uuid.uuid4()), 1, "no worker with this id"),
        ("x", 2, "is not a UUID"),
    ):
        refused = lapinq(database, "fleet", "stop", which)
        assert (refused.exit_code, refused.stdout) == (code, "")
        assert why in refused.stderr
    assert noted(database) == []
