"""`lapinq webhook`."""

import json

import psycopg
import pytest

from tests.support.http.delivering import completed
from tests.support.http.receiver import ROOT, SECRET
from tests.support.programs.command_line import lapinq_at

pytestmark = pytest.mark.http

URL = "https://hooks.example/done"
NIL = "00000000-0000-0000-0000-000000000000"


def test_the_secret_of_a_receiver_is_for_its_origin() -> None:
    def said(url: str, secrets: str | None, code: int = 0, *more: str) -> str:
        done = lapinq_at((), "webhook", "secret", url, *more, env={"LAPINQ_WEBHOOK_SECRET": secrets})
        assert done.exit_code == code, done.stderr
        return done.stdout if code == 0 else done.stderr

    one = said(URL, f"{ROOT},{SECRET}")
    assert one == said("https://HOOKS.example:443/else", ROOT)
    assert one.startswith("whsec_")
    as_json = said("-j", f"{ROOT},{SECRET}", 0, URL)
    assert json.loads(as_json) == {"origin": "https://hooks.example", "secrets": [one.strip()]}
    assert one != said("https://other.example/done", ROOT)
    assert "has no secret that begins with whroot_" in said(URL, SECRET, 1)
    unset = "LAPINQ_WEBHOOK_SECRET is not set: set it to what the servers and schedulers have"
    assert said(URL, None, 1) == f"Error: {unset}\n"
    assert "must be an http or https URL" in said("hooks.example", ROOT, 2)


def test_webhooks_are_listed_shown_and_resent(command_database: str, at_server: tuple[str, ...]) -> None:
    task, *_ = completed(command_database, URL, 3, queue_name="mail")

    def said(line: str, code: int = 0, stdin: str = "") -> str:
        done = lapinq_at(at_server, "webhook", *line.split(), stdin=stdin)
        assert done.exit_code == code, done.stderr
        return done.stdout if code == 0 else done.stderr

    with psycopg.connect(command_database, autocommit=True) as conn:
        conn.execute(
            "UPDATE lapinq_webhooks SET state = 'given_up', tried_at = now(), answer = 500,"
            " failure = 'it answered 500'"
        )
    first, second, third = (one["id"] for one in json.loads(said("list --queue mail --json")))
    line, more = said("list -q mail --limit 1").splitlines()
    assert line.startswith(f"{first}  given_up  0  ")
    assert line.endswith(f"  add  mail  {URL}  it answered 500")
    assert more == "there are more; raise --limit to see them"
    [of_task] = json.loads(said(f"list --task {task} -j"))
    assert of_task["task_id"] == task

    begin = first[:23]
    assert "failure           it answered 500" in said(f"show {begin}").splitlines()
    assert json.loads(said(f"show {first} -j"))["id"] == first
    assert said(f"resend {begin}") == f"resends {first}\n"
    assert [one["id"] for one in json.loads(said("list -s pending -q mail -j"))] == [first]

    many = "resend --state given_up --queue mail"
    assert said(many, code=1, stdin="n\n").startswith("Resend 2 webhooks? [y/N]: ")
    assert {one["id"] for one in json.loads(said(f"{many} --yes -j"))} == {second, third}
    assert said(many) == "resends 0 webhooks\n"
    for line, code, message in (
        (f"show {'0' * 23}", 2, "id must be the start of an event's id"),
        ("show 00000000", 1, "no webhook 00000000"),
        (f"show {NIL}", 1, f"no webhook {NIL}"),
        (f"resend {NIL} {first}", 1, f"no webhook {NIL}"),
        ("resend", 2, "give either IDs, or --state, --task or --queue"),
        (f"resend {first} --queue mail", 2, "give either IDs"),
        ("list --task x", 2, "task_id must be"),
    ):
        assert message in said(line, code), line
