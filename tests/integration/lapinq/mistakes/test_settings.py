"""Flags, variables, files of variables and URLs of databases: what is wrong is said before anything starts."""

import socket
import uuid
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tests.integration.lapinq.mistakes.mistake import NOWHERE, check

pytestmark = pytest.mark.http

FLAGS = """
2 | worker --concurrency 0 | '--concurrency' / '-c': expected a whole number from 1 to 10000
2 | worker --concurrency four | expected a whole number from 1 to 10000, got 'four'
2 | worker --queue mail=0 | 'mail=0': the weight must be a whole number from 1 to 1000
2 | worker --strict-order | needs queues in an order: name them with --queue
2 | worker --strict-order -q a=2 -q b | knows no weights, and 'a=2' has one
2 | worker --pool thread | Did you mean 'threads'?
2 | worker --max-memory lots | expected a size in bytes, or one such as 512M
2 | worker --task-timeout -5 | expected a number above 0 up to 315576000, got '-5'
2 | worker --middleware tracing | 'tracing' must have the form module:name
2 | worker --drain --reload | --reload can't be combined with --drain
2 | worker --log-level loud | 'loud' is not one of 'debug', 'info', 'warning', 'error'
3 | worker --allowed-modules '' | --allowed-modules is set but empty
2 | scheduler --keep forever | --keep: 'forever': expected a time such as 30m
2 | scheduler --keep done=3d | expected one of completed, failed, cancelled, expired
2 | scheduler --scheduler-interval 0 | expected a number above 0
2 | server --port 70000 | expected a whole number from 0 to 65535, got '70000'
2 | server --port x | '--port': expected a whole number from 0 to 65535, got 'x'
1 | server --worker --import no_such_module | no module 'no_such_module'
1 | server --host no.such.host.invalid | 'no.such.host.invalid' has no address
3 | server --api-key '' | --api-key is set but empty: give it a value, or leave it out
2 | server --allowed-hosts https://a.example | --allowed-hosts: must be host names
1 | queue list | Connection refused
2 | queue list --server http://127.0.0.1:1 | give --server or the flags of a database
1 | migrate | connection to server at "127.0.0.1", port 1 failed: Connection refused
"""

VARIABLES = """
2 | LAPINQ_WORKER_CONCURRENCY=many worker | LAPINQ_WORKER_CONCURRENCY: expected a whole number
2 | LAPINQ_LEASE_SECONDS=3 worker | LAPINQ_LEASE_SECONDS (3) must be at least twice
2 | LAPINQ_LOG_LEVEL=LOUD worker | expected debug, info, warning or error, got 'LOUD'
2 | LAPINQ_JSON_LOG=maybe worker | LAPINQ_JSON_LOG: expected 1, true, yes, on,
2 | LAPINQ_WORKER_IMPORTS=shop/tasks.py worker | LAPINQ_WORKER_IMPORTS: 'shop/tasks.py' is a file
2 | LAPINQ_LISTEN_DATABASE_URL=s3cret worker | is not valid (LAPINQ_LISTEN_DATABASE_URL)
2 | LAPINQ_RATE_LIMIT=many server | LAPINQ_RATE_LIMIT: expected a
3 | LAPINQ_API_KEY= server | LAPINQ_API_KEY is set but empty
3 | LAPINQ_ALLOWED_MODULES=, server | LAPINQ_ALLOWED_MODULES is set but empty
2 | LAPINQ_API_KEY_FILE=/no/such/file server | LAPINQ_API_KEY_FILE: [Errno 2] No such file
2 | LAPINQ_API_KEY=a LAPINQ_API_KEY_FILE=/no/such/file server | are both set; use one
2 | LAPINQ_WEBHOOK_SECRET=abc server | LAPINQ_WEBHOOK_SECRET: entry 1 must be whsec_
2 | LAPINQ_WEBHOOK_ALLOW=10.0.0.0/99 server | is not a host name, address or network
2 | LAPINQ_TRUSTED_PROXIES=* server | must be addresses or networks
2 | LAPINQ_CORS_ORIGINS=example.org server | must be origins such as https://
2 | LAPINQ_ADMIN_PASSWORD=short server | LAPINQ_ADMIN_PASSWORD must have 8
2 | LAPINQ_PORT=tcp://10.0.0.7:8001 server | LAPINQ_PORT is set by Kubernetes
"""

PLACES = """
2 | queue list --server nowhere | --server: must begin with http:// or https://
1 | queue list --server http://127.0.0.1:1 | no answer from http://127.0.0.1:1
2 | LAPINQ_API_KEY=k queue list --server http://tasks.invalid | is not sent to http://tasks.invalid
1 | LAPINQ_API_KEY=k queue list --server http://127.0.0.1:1 | no answer from http://127.0.0.1:1
1 | LAPINQ_API_KEY=k LAPINQ_URL=http://tasks.invalid queue list | no answer from http://tasks.invalid
2 | LAPINQ_URL=ftp://x queue list | LAPINQ_URL: must begin with http:// or https://
2 | LAPINQ_URL=postgresql://u:s3cr@t/x@h/d queue list | LAPINQ_URL: user and password must be
2 | user password lapinq --server http://127.0.0.1:1 | works on the database, not through a server
2 | apply jobs.toml --server http://127.0.0.1:1 | give --database-url
3 | DATABASE_URL= migrate | DATABASE_URL is set but empty: give it a value
3 | LAPINQ_DATABASE_URL= DATABASE_URL=x migrate | LAPINQ_DATABASE_URL is set but empty
3 | DATABASE_URL= task list | DATABASE_URL is set but empty
2 | DATABASE_URL_FILE=/no/such/file migrate | DATABASE_URL_FILE: [Errno 2] No such file
3 | migrate --database-url '' | --database-url is set but empty
2 | migrate --database-url localhost | write it as postgresql://user:password@host:5432/name
2 | migrate --database-url mysql://u@h/db | write it as postgresql://user:password@host:5432/name
2 | migrate --database-url 'postgresql://h/db?sslmod=require' | 'sslmod' (did you mean 'sslmode'?)
2 | migrate --database-url postgresql://u:s3cr@et/x@h/db | --database-url: user and password must be
2 | DATABASE_URL=postgres://u:s3cr/et@h/d worker | DATABASE_URL: user and password must be
1 | migrate --database-url postgresql://no.such.host.invalid/x | failed to resolve host
"""


def test_flags_and_variables() -> None:
    check(FLAGS, NOWHERE)
    check(VARIABLES, NOWHERE)


def test_addresses_of_servers_and_databases() -> None:
    check(PLACES)


def test_a_database_without_programs_for_one(tmp_path: Path) -> None:
    here = f"LAPINQ_PG_BIN={tmp_path} LAPINQ_DATA_DIR={tmp_path}/data"
    check(
        f"""
3 | {here} server --port 0 | DATABASE_URL
3 | {here} server --port 0 | LAPINQ_PG_BIN
3 | {here} server --port 0 | lapinq[embedded]
3 | {here} worker | lapinq[embedded]
3 | {here} scheduler | lapinq[embedded]
3 | {here} migrate | lapinq[embedded]
3 | db start --pg-bin /nowhere --data-dir {tmp_path}/data | pip install 'lapinq[embedded]'
"""
    )


def test_a_port_for_metrics_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        message = f"Error: can't serve metrics on port {port} of 127.0.0.1: address already in use"
        for program in ("worker", "scheduler"):
            check(f"1 | {program} --metrics-port {port} | {message}", NOWHERE)


def test_a_file_of_variables(tmp_path: Path) -> None:
    (tmp_path / "colon.env").write_text("LAPINQ_PORT=8001\nLAPINQ_API_KEY: s3cret\n")
    (tmp_path / "empty.env").write_text("DATABASE_URL=\n")
    check(
        f"""
2 | server --env-file {tmp_path}/missing.env | missing.env' does not exist
2 | server --env-file {tmp_path}/colon.env | colon.env, line 2: expected NAME=value
3 | DATABASE_URL= migrate --env-file {tmp_path}/empty.env | DATABASE_URL is set but empty
"""
    )


def test_a_database_that_is_another_or_may_not_be_used(in_use: str) -> None:
    """It has no schema of lapinq, is not there, or is not for this user."""
    role = sql.Identifier(f"limited_{uuid.uuid4().hex[:8]}")
    with psycopg.connect(in_use, autocommit=True) as conn:
        name = conn.info.dbname
        conn.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'x'").format(role))
        try:
            limited = make_conninfo(in_use, user=role.as_string(conn).strip('"'), password="x")
            for url, table in (
                (
                    in_use.replace(name, "postgres"),
                    "1 | queue list | lapinq isn't installed in this database",
                ),
                (in_use.replace(name, "postgres"), "1 | task list | run `lapinq migrate`"),
                (
                    in_use.replace(name, "postgres"),
                    "1 | user password lisa --password-stdin <<< correct horse | run `lapinq migrate`",
                ),
                (in_use.replace(name, "no_such"), '1 | migrate | database "no_such" does not exist'),
                (limited, "1 | queue list | connect as a user who may use lapinq's tables"),
                (limited, "1 | migrate | permission denied for table lapinq_schema_version"),
            ):
                check(table, ("--database-url", url))
        finally:
            conn.execute(sql.SQL("DROP ROLE {}").format(role))
