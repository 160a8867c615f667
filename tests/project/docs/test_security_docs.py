"""What docs/operate/security.md says of limits is what the code does, and what is not done is named."""

import re
from pathlib import Path

import pytest

from lapinq_api import state
from lapinq_api.dashboard import forms
from lapinq_api.dashboard.live import web_socket
from lapinq_api.operations import body
from lapinq_api.overload import admission, database
from lapinq_api.serving import connection_limits, protocol
from lapinq_core.batching import enqueue_batcher, waiting

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "operate" / "security.md").read_text(encoding="utf-8")
KIB, MIB = 1024, 1024 * 1024


@pytest.mark.parametrize(
    ("what", "limit"),
    [
        ("form of a login", f"{forms.MAX_FORM_BYTES // KIB} KiB"),
        ("all bodies together, as they arrive and decoded", f"about {admission.MAX_BYTES // MIB} MiB"),
        ("time for a body, from when the server reads it", f"{body.BODY_SECONDS:g} s"),
        (
            "request line and headers",
            f"{protocol.MAX_HEAD_BYTES // KIB} KiB, {protocol.MAX_HEADERS} headers",
        ),
        ("time for the request line and headers", f"{protocol.HEAD_SECONDS:g} s;"),
        ("connections", f"{connection_limits.MAX_CONNECTIONS}, "),
        (
            "a response that the client does not read",
            f"{protocol.UNREAD_SECONDS:g} s, or less than"
            f" {protocol.MIN_READ_BYTES / KIB / protocol.UNREAD_SECONDS:g} KiB a second",
        ),
        ("requests that wait for a result (`?wait=`)", f"{waiting.MAX_WAITING} "),
        ("bulk requests at a time", f"{state.MAX_WALKS} "),
        (
            "sockets that have not authenticated",
            f"{state.MAX_UNAUTHENTICATED}, {web_socket.AUTH_SECONDS:g} s",
        ),
        (
            "lists, searches, pages",
            "four in ten of `LAPINQ_POOL_SIZE`;"
            f" {database.MAX_SCANS_WAITING} more wait, for up to {database.BUDGET_SECONDS:g} s",
        ),
        (
            "quick requests that use the database",
            "six in ten of `LAPINQ_POOL_SIZE`;"
            f" {database.MAX_CALLS_WAITING} more wait,"
            f" for up to {database.BUDGET_SECONDS - database.MIN_CALL_SECONDS:g} s",
        ),
        (
            "requests with unique keys that use the database",
            f"{database.MAX_KEY_TURNS}, two of one caller;"
            f" {database.MAX_CALLS_WAITING} more wait, for up to {enqueue_batcher.MAX_KEY_SECONDS:g} s",
        ),
        ("a message over `/ws`", f"{web_socket.MAX_MESSAGE // KIB} KiB"),
        ("a viewer of `/ws` that reads nothing", f"{web_socket.SEND_SECONDS:g} s"),
        (
            "viewers updated from the database at a time",
            f"{state.MAX_PAGE_QUERIES} of at most {state.MAX_VIEWERS}",
        ),
    ],
)
def test_a_limit_is_the_one_that_holds(what: str, limit: str) -> None:
    found = re.search(rf"^\| {re.escape(what)} \| ([^|]*) \|", PAGE, re.MULTILINE)
    assert found, what
    assert f"{found[1]} ".startswith(limit)


@pytest.mark.parametrize("missing", ["second factor", "single sign-on", "one database role"])
def test_what_is_not_done_is_said(missing: str) -> None:
    _, _, section = PAGE.partition("\n## What lapinq does not do\n")
    assert missing in section.partition("\n## ")[0]
