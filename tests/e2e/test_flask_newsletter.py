"""The example `flask_newsletter`, run as its README says: `flask run`, and `lapinq worker` beside it."""

import re
import sys
from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import NamedTuple

import httpx
import psycopg
import pytest

from tests.support.database.postgres import private_database
from tests.support.drivers.urls import sqlalchemy_url
from tests.support.eventually import eventually
from tests.support.programs.processes import Program, WorkerProcess


class FlaskCommand(Program):
    """`flask` with the application of the example."""

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "flask", "--app", "examples.flask_newsletter", *arguments]


class Newsletter(NamedTuple):
    client: httpx.Client
    mails: Path
    database: str

    def sign_up(self, email: str) -> httpx.Response:
        return self.client.post("/", data={"email": email})

    def tasks(self) -> int:
        with psycopg.connect(self.database) as conn:
            row = conn.execute("SELECT count(*) FROM lapinq_tasks").fetchone()
        assert row is not None
        return row[0]


@pytest.fixture(scope="module")
def newsletter(
    postgres_url: str, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Newsletter]:
    mails = tmp_path_factory.mktemp("mails")
    with private_database(postgres_url, template_database) as database:
        url = sqlalchemy_url(database, "psycopg").render_as_string(hide_password=False)
        env = {"DATABASE_URL": url, "FLASK_MAIL_FOLDER": str(mails), "FLASK_SERVER_NAME": "news.example"}
        with FlaskCommand("init-db", env=env) as created:
            assert created.wait() == 0, created.output
        with (
            FlaskCommand("run", "--port", "0", env=env) as web,
            WorkerProcess(url, env=env),
            httpx.Client(
                base_url=web.said(r"http://[\w.]+:\d+").group(0), timeout=15, trust_env=False
            ) as client,
        ):
            yield Newsletter(client, mails, database)


def test_the_link_in_the_mail_confirms_the_address(newsletter: Newsletter) -> None:
    assert newsletter.sign_up("me@example.org").status_code == 201
    [file] = eventually(lambda: [*newsletter.mails.glob("[!.]*")], timeout=30)
    mail = message_from_bytes(file.read_bytes(), policy=policy.default)
    assert mail["To"] == "me@example.org"
    link = re.search(r"http://news\.example(/\S+)", mail.get_content())
    assert link
    assert "me@example.org is confirmed" in newsletter.client.get(link[1]).text


def test_a_sign_up_that_fails_leaves_no_task(newsletter: Newsletter) -> None:
    newsletter.sign_up("twice@example.org")
    before = newsletter.tasks()
    again = newsletter.sign_up("twice@example.org")
    assert again.status_code == 409
    assert "twice@example.org has already signed up" in again.text
    for email in ("", "me", "me@example.org\nBcc: you@example.org", "\0@example.org"):
        refused = newsletter.sign_up(email)
        assert refused.status_code == 400, email
        assert "That is not an e-mail address" in refused.text
    assert newsletter.tasks() == before
    unknown = newsletter.client.get("/confirm/018f2d6e-0000-7000-8000-000000000000")
    assert unknown.status_code == 404
