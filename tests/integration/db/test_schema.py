"""The schema: one migration path, one description of it in Python, one dump for review; all three say the same."""

import re
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from lapinq_core.db.migrate import head_revision, migrate, revisions
from lapinq_core.schema import metadata
from tests.support.database.schema import COMMITTED, dump
from tests.support.tries import tries

FORMER_TABLES = [
    f"lapinq_{prefix}breaker{what}" for prefix in ("", "task_") for what in ("s", "_starts", "_counts")
]


def engine(url: str) -> sa.Engine:
    return sa.create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(url), poolclass=sa.NullPool
    )


def dump_of(url: str) -> str:
    with psycopg.connect(url) as connection:
        return dump(connection)


def test_the_committed_dump_is_what_the_migrations_make(migrated: str) -> None:
    assert dump_of(migrated) == COMMITTED.read_text(), "run scripts/schema and read what changed"


def test_the_metadata_describes_the_migrated_database(migrated: str) -> None:
    def include(name: str | None, kind: str, _parents: Any) -> bool:
        return not (kind == "table" and re.fullmatch(r".*_(default|\d{8})|lapinq_schema_version", name or ""))

    with engine(migrated).connect() as connection:
        opts = {"include_name": include, "compare_type": True, "compare_server_default": True}
        changes = compare_metadata(MigrationContext.configure(connection, opts=opts), metadata)
    # Autogenerate takes the sequence owned by this column for SERIAL and sees no default; the next test compares it.
    not_seen = [("modify_default", None, "lapinq_running", "seq")]
    assert [change for change in changes if [part[:4] for part in change] != not_seen] == []


def test_tables_made_of_the_metadata_are_those_of_the_migrations(empty: str) -> None:
    # Sees what autogenerate passes over: primary keys, partitioning, storage parameters, UNLOGGED.
    with engine(empty).begin() as connection:
        connection.execute(sa.text("CREATE SEQUENCE lapinq_claim_seq"))
        metadata.create_all(connection)
    made, wanted = tables_of(dump_of(empty)), tables_of(COMMITTED.read_text())
    wanted.pop("lapinq_schema_version")
    assert made == wanted


def tables_of(text: str) -> dict[str, set[str]]:
    """The lines of each table, in no order, with partitions left out."""
    text = re.sub(r"DEFAULT '(\d+)'::(?:double precision|\w+)", r"DEFAULT \1", text)
    tables = re.findall(
        r"^CREATE (?:UNLOGGED )?TABLE (\w+) \((.*?)(?=\n\n|\Z)", text, re.DOTALL | re.MULTILINE
    )
    return {
        name: {re.sub(r" +", " ", line).strip().removesuffix(",") for line in body.splitlines()}
        | set(re.findall(rf"^CREATE (.*TABLE {name}) ", text, re.MULTILINE))
        for name, body in tables
    }


def configured() -> Config:
    config = Config()
    config.set_main_option("script_location", "lapinq_migrations:")
    return config


def alembic(url: str, move: Callable[[Config, str], None], revision: str) -> None:
    """Goes up or down to `revision`."""
    with engine(url).connect() as connection:
        config = configured()
        config.attributes["connection"] = connection
        move(config, revision)
        connection.commit()


def test_each_step_back_leaves_the_schema_of_the_revision_before(
    empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each step would read the files of all revisions.
    read = ScriptDirectory.from_config(configured())

    def from_config(_: Config) -> ScriptDirectory:
        return read

    monkeypatch.setattr(ScriptDirectory, "from_config", from_config)
    with psycopg.connect(empty, autocommit=True) as connection:
        alembic(empty, command.stamp, "base")
        first, *others = ["base", *revisions()][-tries(len(revisions())) - 1 :]
        if first != "base":
            alembic(empty, command.upgrade, first)
        dumps = {first: dump(connection)}
        for revision in others:
            alembic(empty, command.upgrade, revision)
            dumps[revision] = dump(connection)
        assert dumps.popitem() == (head_revision(), COMMITTED.read_text())
        for revision, dumped in reversed(dumps.items()):
            alembic(empty, command.downgrade, revision)
            assert dump(connection) == dumped
        assert migrate(empty) == (None if first == "base" else first, head_revision())
        assert dump(connection) == COMMITTED.read_text()


def test_nothing_stands_outside_of_the_public_schema(migrated: str) -> None:
    with psycopg.connect(migrated) as connection:
        others = connection.execute(
            "SELECT nspname, relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
            " WHERE nspname NOT IN ('public', 'pg_catalog', 'information_schema', 'pg_toast')"
        ).fetchall()
    assert others == []


def test_circuit_breakers_go_into_the_common_tables_and_back(empty: str) -> None:
    rule = "failures_in_row, window_seconds, least_attempts, retry_after_seconds, since, since_seq, first_seq, in_row"
    alembic(empty, command.upgrade, "0060")
    with psycopg.connect(empty, autocommit=True) as connection:
        for kind, prefix in (("queue", "lapinq_"), ("task", "lapinq_task_")):
            connection.execute(
                f"INSERT INTO {prefix}breakers ({kind}_name, {rule}) VALUES ('a', 5, 60, 20, 30, now(), 1, 2, 3);"
                f"INSERT INTO {prefix}breaker_starts VALUES ('a', 7, gen_random_uuid(), now());"
                f"INSERT INTO {prefix}breaker_counts VALUES ('a', 8, 1, 2)".encode()
            )
        connection.execute(
            "UPDATE lapinq_task_breakers SET let_go = '{}', let_go_at = now(), source = 'module:app'"
        )
        former = [connection.execute(f"TABLE {table}".encode()).fetchall() for table in FORMER_TABLES]
        alembic(empty, command.upgrade, "0061")
        moved = connection.execute(
            "SELECT kind, name, first_seq, in_row, s.seq, c.slice, source FROM lapinq_circuit_breakers b"
            " JOIN lapinq_circuit_breaker_starts s USING (kind, name)"
            " JOIN lapinq_circuit_breaker_counts c USING (kind, name) ORDER BY kind"
        )
        assert moved.fetchall() == [("queue", "a", 2, 3, 7, 8, None), ("task", "a", 2, 3, 7, 8, "module:app")]
        alembic(empty, command.downgrade, "0060")
        back = [connection.execute(f"TABLE {table}".encode()).fetchall() for table in FORMER_TABLES]
        assert back == former


@pytest.mark.parametrize("kind", ["queue", "task"])
def test_circuit_breakers_are_written_under_their_former_names(
    sync_conn: psycopg.Connection, kind: str
) -> None:
    prefix, name = {"queue": "lapinq_", "task": "lapinq_task_"}[kind], f"{kind}_name"
    for seconds in (1, 2):
        sync_conn.execute(
            f"INSERT INTO {prefix}breakers AS b ({name}, failures_in_row, window_seconds, least_attempts,"
            " retry_after_seconds, since, since_seq) VALUES ('a', 5, 60, 20, %s, now(), 0)"
            f" ON CONFLICT ({name}) DO UPDATE SET retry_after_seconds = excluded.retry_after_seconds".encode(),
            [seconds],
        )
        sync_conn.execute(
            f"INSERT INTO {prefix}breaker_starts ({name}, seq, task_id, claimed_at)"
            " VALUES ('a', %s, gen_random_uuid(), now())".encode(),
            [seconds],
        )
        sync_conn.execute(
            f"INSERT INTO {prefix}breaker_counts AS x ({name}, slice, failures, attempts) VALUES ('a', 1, 1, 1)"
            f" ON CONFLICT ({name}, slice) DO UPDATE SET failures = x.failures + excluded.failures".encode()
        )
    sync_conn.execute(
        f"DELETE FROM {prefix}breaker_starts WHERE ctid = ANY (ARRAY(SELECT ctid FROM {prefix}breaker_starts"
        f" WHERE {name} = 'a' AND seq >= 1 ORDER BY {name}, seq LIMIT 1))".encode()
    )
    found = sync_conn.execute(
        "SELECT kind, name, retry_after_seconds, s.seq, c.failures FROM lapinq_circuit_breakers"
        " JOIN lapinq_circuit_breaker_starts s USING (kind, name)"
        " JOIN lapinq_circuit_breaker_counts c USING (kind, name)"
    )
    assert found.fetchall() == [(kind, "a", 2.0, 2, 2)]


def test_rules_that_ask_for_blocked_keys_too_go_on_for_the_rest_after_a_step_back(migrated: str) -> None:
    with psycopg.connect(migrated, autocommit=True) as connection:
        for name, events in (("both", "{backlog,blocked}"), ("one", "{blocked}")):
            connection.execute(
                "WITH rule AS (INSERT INTO lapinq_notify_rules (name, kind, url, events, backlog_seconds, created_at,"
                " created_by, updated_at, next_at) VALUES (%s, 'slack', 'x', %s, 9, now(), 'ana', now(), now())"
                " RETURNING id), told AS (INSERT INTO lapinq_notify_conditions SELECT id, 'blocked', 'mail', now()"
                " FROM rule) INSERT INTO lapinq_notices (rule_id, event, details, created_at)"
                " SELECT id, event, '{}', now() FROM rule, unnest('{backlog,blocked}'::text[]) AS event",
                (name, events),
            )
        alembic(migrated, command.downgrade, "0069")
        left = connection.execute(
            "SELECT name, events, n.event, (SELECT count(*) FROM lapinq_notify_conditions)"
            " FROM lapinq_notify_rules r JOIN lapinq_notices n ON n.rule_id = r.id"
        ).fetchall()
    assert left == [("both", ["backlog"], "backlog", 0)]
