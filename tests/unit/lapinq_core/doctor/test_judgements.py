"""What the doctor says of settings and of facts that are hard to bring about."""

import re
from typing import Any

import pytest

from lapinq_core.db.statements import sql
from lapinq_core.doctor import access, vacuum
from lapinq_core.doctor.finding import Finding
from lapinq_core.doctor.wording import count, duration, names, waiting
from lapinq_core.figures.alerts import OldSnapshot
from lapinq_core.runtime.settings import Settings
from tests.support.programs.processes import REPOSITORY

KEY = "k" * access.MIN_KEY


@pytest.mark.parametrize(
    ("settings", "open_api", "session_secret"),
    [
        ({}, ["info"], "info"),
        ({"host": "0.0.0.0"}, ["info"], "warning"),
        ({"open_api": "everyone"}, ["error"], "info"),
        ({"open_api": "everyone", "host": ""}, ["error"], "warning"),
        ({"trusted_proxies": ("10.0.0.0/8",)}, ["info"], "warning"),
        ({"host": "::1"}, ["info"], "info"),
        ({"redact": ("password",)}, ["info", "warning"], "info"),
        (
            {"host": "0.0.0.0", "open_api": "everyone", "api_key": KEY, "redact": ("password",)},
            ["ok"],
            "warning",
        ),
        ({"host": "0.0.0.0", "require_auth": True, "session_secret": "s"}, ["ok"], "ok"),
        ({"api_key": KEY[1:]}, ["warning"], "info"),
    ],
)
def test_an_open_api_and_a_missing_secret_matter_where_others_reach_them(
    settings: dict[str, Any], open_api: list[str], session_secret: str
) -> None:
    assert severities(access.check_open_api(Settings(**settings))) == open_api
    assert severities(access.check_session_secret(Settings(**settings))) == [session_secret]


def test_no_finding_shows_a_secret() -> None:
    settings = Settings(api_key="hush", session_secret="hush")
    for found in (access.check_open_api(settings), access.check_session_secret(settings)):
        assert "hush" not in "".join(f"{one.message} {one.remedy}" for one in found)


@pytest.mark.parametrize(
    ("snapshot", "message", "remedy"),
    [
        (
            OldSnapshot("session", "report", 7, 7200.0, None),
            "the session report (pid 7) has had a transaction open for 2 h",
            "pg_terminate_backend(7)",
        ),
        (
            OldSnapshot("prepared transaction", "x-1", None, 7200.0, None),
            "the prepared transaction x-1 has been open for 2 h",
            "ROLLBACK PREPARED",
        ),
        (
            OldSnapshot("replication slot", "copy", None, None, 20_000_000),
            "the replication slot copy holds a snapshot that is 20,000,000 transactions old",
            "pg_drop_replication_slot",
        ),
    ],
)
def test_who_holds_an_old_snapshot_is_said_with_what_ends_it(
    snapshot: OldSnapshot, message: str, remedy: str
) -> None:
    found = vacuum.explain(snapshot)
    assert found.message.startswith(message)
    assert remedy in (found.remedy or "")


def test_numbers_are_words() -> None:
    assert [duration(seconds) for seconds in (0.2, 75, 5400, 259_200)] == ["0 s", "75 s", "90 min", "3 d"]
    assert (count(1, "task"), count(2000, "task")) == ("1 task", "2,000 tasks")
    assert (waiting(1, "task"), waiting(2, "task")) == ("1 task waits", "2 tasks wait")
    assert (names("ab"), names("abcdefg")) == ("a, b", "a, b, c, d, e and 2 more")


def test_sessions_are_looked_for_under_the_names_that_daemons_give_them() -> None:
    code = "".join(path.read_text() for path in (REPOSITORY / "services").rglob("*.py"))
    given = set(re.findall(r'"(lapinq-[a-z -]+)"', code))
    given |= {f"{name} listen" for name in given if 'f"{name} listen"' in code}
    for verb in ("listening_daemons", "schedules"):
        looked_for = re.findall(r"'(lapinq-[a-z -]+)'", sql("lapinq_core.doctor", verb))
        assert len(looked_for) >= 2
        assert set(looked_for) <= given


def severities(found: list[Finding]) -> list[str]:
    return [one.severity for one in found]
