"""`lapinq doctor`: on the database, through a server, and where there is neither."""

import json
import re

import pytest

from lapinq_core.doctor.examination import CHECKS
from tests.support.database import postgres
from tests.support.programs.command_line import lapinq_at

pytestmark = pytest.mark.http


def test_it_tells_what_it_found_the_worst_last(at_database: tuple[str, ...]) -> None:
    done = lapinq_at(at_database, "doctor", "--verify", env={"LAPINQ_API_KEY": "short"})
    assert (done.exit_code, done.stderr) == (1, "")
    lines = [line for line in done.stdout.splitlines() if line]
    statuses = [line.split()[0] for line in lines[:-1] if not line.startswith(" ")]
    assert statuses == sorted(statuses, key=["ok", "info", "warning", "error"].index)
    assert "ok       version          PostgreSQL 1" in done.stdout
    assert "ok       lanes            every lane agrees with the tasks that wait and run" in done.stdout
    where = lines.index(
        "warning  open_api         LAPINQ_API_KEY has fewer than 20 characters, and guessing it gives full access"
    )
    assert lines[where + 1].strip() == "→ Use a long one: openssl rand -hex 32."
    assert lines[-1].startswith("1 error, ")  # fsync is off in the tests


def test_it_prints_what_the_api_answers(at_database: tuple[str, ...], at_server: tuple[str, ...]) -> None:
    for place in (at_database, at_server):
        done = lapinq_at(place, "doctor", "--json")
        assert done.exit_code == 1, done.stderr
        report = json.loads(done.stdout)
        assert tuple(dict.fromkeys(one["check"] for one in report["checks"])) == CHECKS
        assert report["ok"] is False
        shown = without_numbers(lapinq_at(place, "doctor").stdout)
        messages = [without_numbers(one["message"]) for one in report["checks"]]
        assert [message for message in messages if message not in shown] == []


def test_where_no_database_answers_it_says_so_and_goes_on(postgres_url: str) -> None:
    with postgres.private_database(postgres_url) as empty:
        for url, message in (
            ("postgresql://127.0.0.1:1/x", "the database is not reachable: "),
            ("postgresql://db/x?nothing=1", "DATABASE_URL is not a valid PostgreSQL URL"),
            (empty, "lapinq is not installed in this database"),
        ):
            done = lapinq_at(("--database-url", url), "doctor")
            assert (done.exit_code, done.stderr) == (1, "")
            assert message in done.stdout
            assert "info     open_api" in done.stdout


def test_a_server_must_answer_and_cannot_verify(server_url: str, at_server: tuple[str, ...]) -> None:
    for place, code, message in (
        (("--server", "http://127.0.0.1:1"), 1, "no answer from http://127.0.0.1:1"),
        (("--server", server_url), 1, "Give the key as --api-key or in LAPINQ_API_KEY"),
        (("--server", "http://x", "--database-url", "postgresql://x"), 2, "not both"),
        ((*at_server, "--verify"), 2, "leave out --server"),
    ):
        done = lapinq_at(place, "doctor")
        assert (done.exit_code, done.stdout) == (code, ""), place
        assert message in done.stderr


def without_numbers(text: str) -> str:
    """Some change meanwhile, such as that of the connections in use."""
    return re.sub(r"\d+", "N", text)
