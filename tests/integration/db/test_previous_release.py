"""The statements of the previous release on the schema of this one; `tests/e2e/test_upgrade.py` runs its programs."""

from pathlib import Path

import psycopg
import pytest

from tests.support.database.statements import prepare_all
from tests.support.programs.previous_release import unpack


def test_the_server_understands_every_statement_of_the_previous_release(
    sync_conn: psycopg.Connection, previous_release: Path
) -> None:
    assert prepare_all(sync_conn, previous_release / "lapinq_core") > 100


def test_the_previous_release_starts_what_waits_for_a_breaker_that_it_does_not_know(
    sync_conn: psycopg.Connection, previous_release: Path
) -> None:
    sync_conn.execute(
        "INSERT INTO lapinq_delayed (id, due_at, queue_name, rank, parked_for, parked_seq)"
        " VALUES (gen_random_uuid(), lapinq_now() - interval '1 second', 'mail', 0, 'send', 7)"
    )
    promote = (previous_release / "lapinq_core/upkeep/sql/promote.sql").read_bytes()
    row = sync_conn.execute(promote, {"limit": 500}).fetchone()
    assert row is not None
    assert row[:2] == (1, ["mail"])


def test_a_clone_without_its_commit_is_told_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="git fetch --unshallow"):
        unpack(tmp_path, commit="0" * 40)
