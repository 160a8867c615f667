"""Flags, variables, files of variables and URLs of databases: what is wrong is said before anything starts."""

import socket
import uuid
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tests.integration.lapinq.mistakes.mistake import Mistake, check

pytestmark = pytest.mark.http

NOWHERE = "--database-url postgresql://127.0.0.1:1/x"

FLAGS = [
    Mistake(
        f"worker {NOWHERE} --concurrency 0",
        2,
        "'--concurrency' / '-c': expected a whole number from 1 to 10000",
    ),
    Mistake(f"worker {NOWHERE} --concurrency four", 2, "expected a whole number from 1 to 10000, got 'four'"),
    Mistake(
        f"worker {NOWHERE} --queue mail=0", 2, "'mail=0': the weight must be a whole number from 1 to 1000"
    ),
    Mistake(f"worker {NOWHERE} --strict-order", 2, "needs queues in an order: name them with --queue"),
    Mistake(f"worker {NOWHERE} --strict-order -q a=2 -q b", 2, "knows no weights, and 'a=2' has one"),
    Mistake(f"worker {NOWHERE} --pool thread", 2, "Did you mean 'threads'?"),
    Mistake(f"worker {NOWHERE} --max-memory lots", 2, "expected a size in bytes, or one such as 512M"),
    Mistake(f"worker {NOWHERE} --task-timeout -5", 2, "expected a number above 0 up to 315576000, got '-5'"),
    Mistake(f"worker {NOWHERE} --middleware tracing", 2, "'tracing' must have the form module:name"),
    Mistake(f"worker {NOWHERE} --drain --reload", 2, "--reload can't be combined with --drain"),
    Mistake(
        f"worker {NOWHERE} --log-level loud", 2, "'loud' is not one of 'debug', 'info', 'warning', 'error'"
    ),
    Mistake(f"worker {NOWHERE} --allowed-modules ''", 3, "--allowed-modules is set but empty"),
    Mistake(f"scheduler {NOWHERE} --keep forever", 2, "--keep: 'forever': expected a time such as 30m"),
    Mistake(
        f"scheduler {NOWHERE} --keep done=3d", 2, "expected one of completed, failed, cancelled, expired"
    ),
    Mistake(f"scheduler {NOWHERE} --scheduler-interval 0", 2, "expected a number above 0"),
    Mistake(f"server {NOWHERE} --port 70000", 2, "expected a whole number from 0 to 65535, got '70000'"),
    Mistake(f"server {NOWHERE} --port x", 2, "'--port': expected a whole number from 0 to 65535, got 'x'"),
    Mistake(f"server {NOWHERE} --worker --import no_such_module", 1, "no module 'no_such_module'"),
    Mistake(f"server {NOWHERE} --host no.such.host.invalid", 1, "'no.such.host.invalid' has no address"),
    Mistake(
        f"server {NOWHERE} --api-key ''", 3, "--api-key is set but empty: give it a value, or leave it out"
    ),
    Mistake(f"server {NOWHERE} --allowed-hosts https://a.example", 2, "--allowed-hosts: must be host names"),
    Mistake(
        "user password lapinq --server http://127.0.0.1:1",
        2,
        "works on the database, not through a server: give --database-url",
    ),
    Mistake(
        "schedule apply jobs.toml --server http://127.0.0.1:1",
        2,
        "works on the database, not through a server: give --database-url",
    ),
    Mistake("queue list --server nowhere", 2, "--server: must begin with http:// or https://"),
    Mistake("queue list", 2, "LAPINQ_URL: must begin with http:// or https://", {"LAPINQ_URL": "ftp://x"}),
    Mistake(
        "queue list",
        2,
        "LAPINQ_URL: user and password must be",
        {"LAPINQ_URL": "postgresql://u:s3cr@t/x@h/d"},
    ),
    Mistake(f"queue list {NOWHERE}", 1, "Connection refused"),
    Mistake("queue list --server http://127.0.0.1:1", 1, "no answer from http://127.0.0.1:1"),
    Mistake(
        f"queue list --server http://127.0.0.1:1 {NOWHERE}",
        2,
        "give --server or the flags of a database",
    ),
]

VARIABLES = [
    Mistake(line, code, message, env)
    for line, code, message, env in (
        (
            "worker",
            2,
            "LAPINQ_WORKER_CONCURRENCY: expected a whole number",
            {"LAPINQ_WORKER_CONCURRENCY": "many"},
        ),
        ("worker", 2, "LAPINQ_LEASE_SECONDS (3) must be at least twice", {"LAPINQ_LEASE_SECONDS": "3"}),
        ("worker", 2, "expected debug, info, warning or error, got 'LOUD'", {"LAPINQ_LOG_LEVEL": "LOUD"}),
        ("worker", 2, "LAPINQ_JSON_LOG: expected 1, true, yes, on,", {"LAPINQ_JSON_LOG": "maybe"}),
        (
            "worker",
            2,
            "LAPINQ_WORKER_IMPORTS: 'shop/tasks.py' is a file",
            {"LAPINQ_WORKER_IMPORTS": "shop/tasks.py"},
        ),
        ("server", 2, "LAPINQ_RATE_LIMIT: expected a", {"LAPINQ_RATE_LIMIT": "many"}),
        ("server", 3, "LAPINQ_API_KEY is set but empty", {"LAPINQ_API_KEY": ""}),
        ("server", 3, "LAPINQ_ALLOWED_MODULES is set but empty", {"LAPINQ_ALLOWED_MODULES": ","}),
        (
            "server",
            2,
            "LAPINQ_API_KEY_FILE: [Errno 2] No such file",
            {"LAPINQ_API_KEY_FILE": "/no/such/file"},
        ),
        (
            "server",
            2,
            "are both set; use one",
            {"LAPINQ_API_KEY": "a", "LAPINQ_API_KEY_FILE": "/no/such/file"},
        ),
        ("server", 2, "LAPINQ_WEBHOOK_SECRET: entry 1 must be whsec_", {"LAPINQ_WEBHOOK_SECRET": "abc"}),
        ("server", 2, "is not a host name, address or network", {"LAPINQ_WEBHOOK_ALLOW": "10.0.0.0/99"}),
        ("server", 2, "must be addresses or networks", {"LAPINQ_TRUSTED_PROXIES": "*"}),
        ("server", 2, "must be origins such as https://", {"LAPINQ_CORS_ORIGINS": "example.org"}),
        ("server", 2, "LAPINQ_ADMIN_PASSWORD must have 8", {"LAPINQ_ADMIN_PASSWORD": "short"}),
        ("server", 2, "LAPINQ_PORT is set by Kubernetes", {"LAPINQ_PORT": "tcp://10.0.0.7:8001"}),
    )
]

DATABASES = [
    Mistake("migrate", 3, "DATABASE_URL is set but empty: give it a value", {"DATABASE_URL": ""}),
    Mistake(
        "migrate", 3, "LAPINQ_DATABASE_URL is set but empty", {"LAPINQ_DATABASE_URL": "", "DATABASE_URL": "x"}
    ),
    Mistake("task list", 3, "DATABASE_URL is set but empty", {"DATABASE_URL": ""}),
    Mistake(
        "migrate", 2, "DATABASE_URL_FILE: [Errno 2] No such file", {"DATABASE_URL_FILE": "/no/such/file"}
    ),
    Mistake("migrate --database-url ''", 3, "--database-url is set but empty"),
    Mistake("migrate --database-url localhost", 2, "write it as postgresql://user:password@host:5432/name"),
    Mistake(
        "migrate --database-url mysql://u@h/db", 2, "write it as postgresql://user:password@host:5432/name"
    ),
    Mistake(
        "migrate --database-url 'postgresql://h/db?sslmod=require'", 2, "'sslmod' (did you mean 'sslmode'?)"
    ),
    Mistake(
        "migrate --database-url postgresql://u:s3cr@et/x@h/db", 2, "--database-url: user and password must be"
    ),
    Mistake(
        "worker", 2, "DATABASE_URL: user and password must be", {"DATABASE_URL": "postgres://u:s3cr/et@h/d"}
    ),
    Mistake(
        "worker",
        2,
        "is not valid (LAPINQ_LISTEN_DATABASE_URL)",
        {"DATABASE_URL": "postgresql://127.0.0.1:1/x", "LAPINQ_LISTEN_DATABASE_URL": "s3cret"},
    ),
    Mistake(
        f"migrate {NOWHERE}", 1, 'connection to server at "127.0.0.1", port 1 failed: Connection refused'
    ),
    Mistake("migrate --database-url postgresql://no.such.host.invalid/x", 1, "failed to resolve host"),
    Mistake("db start --pg-bin /nowhere --data-dir DATA", 3, "pip install 'lapinq[embedded]'"),
]


def test_flags() -> None:
    check(FLAGS)


def test_variables() -> None:
    check([one._replace(line=f"{one.line} {NOWHERE}") for one in VARIABLES])


def test_urls_of_databases(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    check([one._replace(line=one.line.replace("DATA", str(tmp_path / "data"))) for one in DATABASES])


def test_a_database_without_programs_for_one(tmp_path: Path) -> None:
    env = {"LAPINQ_PG_BIN": str(tmp_path), "LAPINQ_DATA_DIR": str(tmp_path / "data")}
    check(
        [
            Mistake(command, 3, way, env)
            for command in ("server --port 0", "worker", "scheduler", "migrate")
            for way in ("DATABASE_URL", "lapinq[embedded]", "LAPINQ_PG_BIN")
        ]
    )


def test_a_port_for_metrics_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        message = f"Error: can't serve metrics on port {port} of 127.0.0.1: address already in use"
        check(
            [Mistake(f"{one} {NOWHERE} --metrics-port {port}", 1, message) for one in ("worker", "scheduler")]
        )


def test_a_file_of_variables(tmp_path: Path) -> None:
    colon, empty = tmp_path / "colon.env", tmp_path / "empty.env"
    colon.write_text("LAPINQ_PORT=8001\nLAPINQ_API_KEY: s3cret\n")
    empty.write_text("DATABASE_URL=\n")
    check(
        [
            Mistake(f"server {NOWHERE} --env-file {tmp_path}/missing.env", 2, "missing.env' does not exist"),
            Mistake(f"server {NOWHERE} --env-file {colon}", 2, "colon.env, line 2: expected NAME=value"),
            Mistake(f"migrate --env-file {empty}", 3, "DATABASE_URL is set but empty", {"DATABASE_URL": ""}),
        ]
    )


def test_a_database_that_is_another(in_use: str) -> None:
    """It has no schema of lapinq, is not there, or knows no such user."""
    with psycopg.connect(in_use) as conn:
        name = conn.info.dbname
    elsewhere = in_use.replace(name, "postgres")
    for line, message in (
        ("queue list", "lapinq isn't installed in this database, this version needs"),
        ("task list", "run `lapinq migrate`"),
    ):
        check([Mistake(line, 1, message)], ("--database-url", elsewhere))
    check(
        [Mistake("migrate", 1, 'database "no_such" does not exist')],
        ("--database-url", in_use.replace(name, "no_such")),
    )


def test_a_user_of_the_database_without_rights(in_use: str) -> None:
    role = sql.Identifier(f"limited_{uuid.uuid4().hex[:8]}")
    with psycopg.connect(in_use, autocommit=True) as conn:
        conn.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'x'").format(role))
        try:
            limited = make_conninfo(in_use, user=role.as_string(conn).strip('"'), password="x")
            check(
                [
                    Mistake("queue list", 1, "connect as a user who may use lapinq's tables"),
                    Mistake("migrate", 1, "permission denied for table lapinq_schema_version"),
                ],
                ("--database-url", limited),
            )
        finally:
            conn.execute(sql.SQL("DROP ROLE {}").format(role))
