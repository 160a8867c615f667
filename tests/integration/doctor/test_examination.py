"""Each broken set-up leads to its finding, which goes away when somebody mends it."""

import time
from collections.abc import Iterator
from types import SimpleNamespace

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from lapinq_core.doctor import clocks, examination, vacuum
from lapinq_core.doctor.examination import CHECKS
from lapinq_core.doctor.finding import Severity
from tests.integration.doctor.set_ups import BROKEN, EVERYTHING, HARMLESS, Broken, schedule
from tests.support.database import postgres
from tests.support.database.proxy import proxy
from tests.support.eventually import eventually
from tests.support.examining import BAD, examined, one, only


@pytest.fixture(scope="module")
def sick(postgres_url: str, template_database: str) -> Iterator[str]:
    """A migrated database that the tests of this module break and mend."""
    with postgres.private_database(postgres_url, template_database) as url:
        yield url


@pytest.fixture(scope="module")
def db(sick: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(sick, autocommit=True) as conn:
        conn.execute("SET session_replication_role = replica")  # no trigger refuses what the rows here show
        yield conn


def run(db: psycopg.Connection, statements: str) -> None:
    db.execute(statements.replace("{db}", f'"{db.info.dbname}"').encode())


def complaints(url: str) -> dict[str, list[tuple[str, str]]]:
    """What it says, without what it says of every set-up of the tests."""
    found = examined(url, session_secret="s", api_key="k" * 30, allowed_modules=("shop",))
    return {
        check: kept
        for check, results in found.items()
        if (
            kept := [
                (str(result.status), result.message)
                for result in results
                if result.status is not Severity.OK
                and not result.message.startswith(("fsync is off", "full_page_writes is off"))
            ]
        )
    }


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: f"{broken.check}: {broken.message}")
def test_what_is_broken_is_found(broken: Broken, sick: str, db: psycopg.Connection) -> None:
    run(db, broken.breaks)
    try:
        with only(broken.check):
            found = complaints(sick)
    finally:
        run(db, broken.mends)
    assert any(
        status == broken.status and broken.message in message for status, message in found[broken.check]
    ), found


def test_what_is_mended_or_harmless_is_not_found(sick: str, db: psycopg.Connection) -> None:
    assert complaints(sick) == {}
    for what, statements in HARMLESS.items():
        run(db, statements)
        assert complaints(sick) == {}, what
        run(db, EVERYTHING)


def test_a_schedule_whose_scheduler_is_connected_or_may_be_is_not_found(
    sick: str, db: psycopg.Connection
) -> None:
    run(db, schedule("1 h"))
    try:
        with psycopg.connect(make_conninfo(sick, application_name="lapinq-cron-listener")):
            assert one(sick, "schedules")[0] == "ok"
        assert one(make_conninfo(sick, application_name="shop"), "schedules")[0] == "ok"
    finally:
        run(db, EVERYTHING)


def test_every_check_appears_in_the_report_and_the_server_is_judged(sick: str) -> None:
    found = examined(sick)
    assert tuple(found) == CHECKS
    assert found["version"][0].message.startswith("PostgreSQL 1")
    assert [one.status for one in found["durability"]] == ["error", "warning"]  # fsync is off in the tests


def test_without_a_database_or_a_schema_the_rest_is_still_checked(postgres_url: str) -> None:
    of_settings = {"open_api", "session_secret"}
    for url, message in [
        (None, "no database is named"),
        ("postgresql://lapinq@127.0.0.1:1/x", "the database is not reachable: "),
        (f"{postgres_url}x", "the database is not reachable: "),
        ("postgresql://lapinq:secret:word@db/x?nothing=1", "DATABASE_URL is not a valid PostgreSQL URL"),
    ]:
        found = examined(url)
        assert set(found) == {"database"} | of_settings, url
        (of_database,) = found["database"]
        assert of_database.status == "error"
        assert message in of_database.message
        assert "secret" not in of_database.message
    with postgres.private_database(postgres_url) as empty:
        found = examined(empty)
        assert found["schema"][0].message == "lapinq is not installed in this database"
        assert "queues" not in found


@pytest.mark.parametrize(
    ("breaks", "status"),
    [
        ("SELECT 1", "info"),
        ('UPDATE lapinq_users SET permissions = \'{"mail": ["cancel"]}\'', "info"),
        ('UPDATE lapinq_users SET permissions = \'{"mail": ["cancel", "enqueue"]}\'', "error"),
        ("UPDATE lapinq_users SET role = 'admin', permissions = '{\"mail\": [\"enqueue\"]}'", "info"),
        ("UPDATE lapinq_api_keys SET scopes = '{read}'", "info"),
        ("UPDATE lapinq_api_keys SET scopes = '{enqueue}'", "error"),
        ("UPDATE lapinq_api_keys SET queues = '{mail}'", "error"),
    ],
)
def test_limited_callers_who_may_run_any_function_are_an_error(
    breaks: str, status: str, sick: str, db: psycopg.Connection
) -> None:
    run(
        db,
        "INSERT INTO lapinq_users (username, password_hash, role, created_at) VALUES ('lisa', 'x', 'user', now());"
        "INSERT INTO lapinq_api_keys (name, key_hash, hint, scopes, created_by, created_at)"
        " VALUES ('shop', 'x', 'x', '{enqueue,read,manage,schedule}', 'ada', now())",
    )
    try:
        run(db, breaks)
        assert [one.status for one in examined(sick)["allowed_modules"]] == [status]
        assert examined(sick, allowed_modules=("shop",))["allowed_modules"][0].status == "ok"
    finally:
        run(db, EVERYTHING)


def test_a_role_hears_what_it_lacks_and_what_it_cannot_see(sick: str, db: psycopg.Connection) -> None:
    name = f"{db.info.dbname}_clerk"
    role, url = sql.Identifier(name), make_conninfo(sick, user=name)
    db.execute(sql.SQL("CREATE ROLE {} LOGIN").format(role))
    try:
        db.execute(sql.SQL("GRANT SELECT ON lapinq_schema_version, lapinq_ready TO {}").format(role))
        found = examined(url)
        assert [finding.status for finding in found["privileges"]] == ["error"] * 3
        told = " ".join(finding.message for finding in found["privileges"])
        assert "lapinq_attempts" in told
        assert "does not own lapinq_attempts, lapinq_tasks" in told
        assert "may not create tables in the schema public" in told
        assert found["queues"][0].message.startswith("could not be checked: permission denied")
        assert found["snapshots"][0].status == "info"

        db.execute(sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {}").format(role))
        run(db, schedule("1 h"))
        assert one(url, "schedules") == (
            "ok",
            "1 active schedule, none late",
        )  # a scheduler may be another role's
        run(db, EVERYTHING)

        db.execute(sql.SQL("ALTER ROLE {} CONNECTION LIMIT 1").format(role))
        assert one(url, "connections") == (
            "warning",
            f"1 of 1 connections are in use (limit of the role {name}); without a free one daemons stall",
        )
        db.execute(sql.SQL("ALTER ROLE {} CONNECTION LIMIT 20").format(role))
        assert one(url, "connections")[0] == "ok"
        listener = make_conninfo(url, application_name="lapinq-worker listen")
        with psycopg.connect(listener), psycopg.connect(listener), psycopg.connect(listener):
            status, message = one(url, "connections")
            assert (status, message[:61]) == (
                "warning",
                "the running daemons may open 21 connections, and 0 others are",
            )
            # Past a pooler each worker takes three.
            assert one(url, "connections", listen_database_url=url)[0] == "ok"
    finally:
        db.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(role))


def test_the_clock_of_this_machine_is_compared(sick: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert one(sick, "clocks")[0] == "ok"
    for seconds, message in (
        (7500, "is 2 h ahead of the database's"),
        (-7500, "is 2 h behind the database's"),
    ):
        monkeypatch.setattr(clocks, "time", SimpleNamespace(time=lambda s=seconds: time.time() + s))
        status, told = one(sick, "clocks")
        assert (status, message in told) == ("warning", True), told


def test_dead_rows_and_open_transactions_are_found(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vacuum, "SNAPSHOT_SECONDS", 0.0)
    with psycopg.connect(make_conninfo(database, application_name="report")) as holder:
        holder.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT 1")
        status, message = one(database, "snapshots")
        assert (status, f"report (pid {holder.info.backend_pid})" in message) == ("warning", True), message
    assert one(database, "snapshots")[0] == "ok"
    monkeypatch.setattr(vacuum, "MANY_DEAD_ROWS", 9)
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute("INSERT INTO lapinq_counts SELECT 'mail' FROM generate_series(1, 10)")
        conn.execute("DELETE FROM lapinq_counts")
    # The session's statistics are written when it ends.
    found = eventually(lambda: [told for told in [one(database, "dead_rows")] if told[0] == "warning"])
    assert found[0][1] == "lapinq_counts has 10 dead rows and 0 live ones, and was never vacuumed"
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute("VACUUM lapinq_counts")
    eventually(lambda: one(database, "dead_rows")[0] == "ok")


def test_a_database_that_stops_answering_ends_the_examination(
    sick: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examination, "TOTAL_SECONDS", 0.5)
    with proxy(sick) as between:
        between.swallow_after(b"lapinq:durability")
        found = examined(between.url)
    assert found["read_only"][0].status == "ok"
    assert found["durability"][0].status == "warning"
    assert found["durability"][0].message.startswith("could not be checked: ")
    assert found["schema"][0].status in BAD
    assert "open_api" in found


def test_a_slow_check_is_given_up(sick: str, db: psycopg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    with db.transaction():
        db.execute("LOCK TABLE lapinq_schedules IN ACCESS EXCLUSIVE MODE")
        found = examined(sick)
    assert found["schedules"][0].message.startswith("could not be checked within")
    assert found["queues"][0].status == "ok"
