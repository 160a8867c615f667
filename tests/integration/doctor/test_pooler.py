"""The doctor notices a pooler in between, its mode, and a direct URL that is not one."""

import psycopg
import pytest

from lapinq_core.doctor import pooler as pooler_check
from tests.support.database import postgres
from tests.support.database.pgbouncer import PROGRAM, pooler
from tests.support.examining import examined, one

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="there is no pgbouncer")


def test_a_pooler_in_transaction_mode_needs_a_direct_url_beside_it(shared_database: str) -> None:
    with pooler(shared_database) as pooled:
        status, message = one(pooled, "pooler")
        assert (status, message[:61]) == (
            "error",
            "DATABASE_URL leads through a pooler in transaction mode: daem",
        )
        assert one(pooled, "pooler", listen_database_url=shared_database) == (
            "ok",
            "LAPINQ_LISTEN_DATABASE_URL leads past the pooler, and notifications arrive there",
        )
        status, message = one(pooled, "pooler", listen_database_url=pooled)
        assert (status, "in transaction mode, too" in message) == ("error", True)
        # It left no setting and no statement behind.
        with psycopg.connect(pooled) as conn:
            row = conn.execute("SELECT current_setting('statement_timeout'), current_setting('lock_timeout')")
            assert row.fetchone() == ("30s", "5s")


def test_a_pooler_in_session_mode_is_only_worth_knowing(shared_database: str) -> None:
    with pooler(shared_database, pool_mode="session") as pooled:
        assert one(pooled, "pooler")[0] == "info"


def test_a_pooler_without_prepared_statements_is_found(shared_database: str) -> None:
    with pooler(shared_database, max_prepared_statements="0") as pooled:
        for _ in range(2):
            status, message = one(pooled, "pooler", listen_database_url=shared_database)
            assert (status, "does not support prepared statements" in message) == ("error", True)


def test_a_direct_url_of_something_else_is_found(
    shared_database: str, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pooler_check, "NOTIFY_SECONDS", 0.2)
    with postgres.private_database(postgres_url) as other:
        assert "does not arrive at" in one(shared_database, "pooler", listen_database_url=other)[1]
    for url, message in [
        ("postgresql://lapinq@127.0.0.1:1/x", "is not reachable at LAPINQ_LISTEN_DATABASE_URL"),
        ("postgresql://lapinq:secret:word@db/x?nothing=1", "is not a valid PostgreSQL URL"),
    ]:
        found = examined(shared_database, listen_database_url=url)
        (of_pooler,) = found["pooler"]
        assert of_pooler.status == "error"
        assert message in of_pooler.message
        assert "secret" not in of_pooler.message
        assert found["schema"][0].status == "ok"


def test_without_a_pooler_nothing_is_said(shared_database: str) -> None:
    assert one(shared_database, "pooler") == ("ok", "no pooler is in between")
