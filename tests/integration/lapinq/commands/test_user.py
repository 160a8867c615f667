"""`lapinq user`, and what `lapinq audit` shows of it."""

import json

import httpx
import pytest

from tests.support.http.people import browser
from tests.support.programs.command_line import lapinq, lapinq_at, noted

pytestmark = pytest.mark.http


def test_users_are_managed(at_server: tuple[str, ...], command_database: str) -> None:
    def said(*arguments: str, stdin: str = "", code: int = 0) -> str:
        done = lapinq_at(at_server, *arguments, stdin=stdin)
        assert done.exit_code == code, done.stderr
        return done.stdout if code == 0 else done.stderr

    name = "lisa of the server"
    assert said("user", "add", name, "--password-stdin", stdin="correct horse") == f"created {name}\n"
    again = said("user", "add", name.upper(), "--password-stdin", stdin="correct horse", code=1)
    assert again == f"Error: a user {name.upper()} exists already\n"
    assert said("user", "role", name, "admin") == f"{name} is now an admin\n"
    assert f"{name}  admin" in said("user", "list")
    assert said("user", "role", name.upper(), "user") == f"{name.upper()} is now a user\n"
    permitted = said("user", "permit", name, "a=b=cancel, requeue", "mail=pause", "--create")
    assert permitted == f"{name} may now: a=b: cancel, requeue; mail: pause\n"
    assert said("user", "permit", name, "mail=") == f"{name} may now: a=b: cancel, requeue\n"
    as_json = json.loads(said("user", "permit", name, "a=b=", "-j"))
    assert as_json["permissions"] == {}
    assert said("user", "reads", name, "video", "--create") == f"{name} may now read: video\n"
    assert f"{name}  user   video\n" in said("user", "list")
    assert said("user", "reads", name, "--all") == f"{name} may now read: all queues\n"
    [found] = [one for one in json.loads(said("user", "list", "--json")) if one["username"] == name]
    assert set(found) >= {"id", "role", "permissions", "has_default_password", "created_at"}
    assert "password_hash" not in found
    assert "queues.mail must be a list of" in said("user", "permit", name, "mail=fly", code=2)
    assert "last admin" in said("user", "delete", "lapinq", code=1)
    assert said("user", "delete", name) == f"deleted {name}\n"
    who = ("key", "LAPINQ_API_KEY")
    orders = [entry[:3] for entry in noted(command_database) if entry[3] == name]
    verbs = (
        "create",
        "role",
        "role",
        "permissions",
        "permissions",
        "permissions",
        "reads",
        "reads",
        "delete",
    )
    assert orders == [(*who, f"user.{verb}") for verb in verbs]

    audit = ("audit", "list", "--target", name)
    listed = json.loads(said(*audit, "--action", "user.role", "--json"))
    assert [entry["details"]["role"] for entry in listed] == ["user", "admin"]
    assert "horse" not in str(noted(command_database))
    line, more = said(*audit, "--limit", "1").splitlines()
    kind, actor = who
    assert f" UTC  {actor}  {kind}  user.delete  {name}  {{" in line
    assert more == "there are more; raise --limit to see them"
    assert json.loads(said(*audit, "--since", "1h", "--json"))
    assert "--since" in said("audit", "list", "--since", "tomorrow", code=2)


def test_a_new_password_ends_all_sessions(command_database: str, server_url: str) -> None:
    with httpx.Client(base_url=server_url) as server, browser(server) as session:
        assert session.get("/me").status_code == 200
        new = ("password", "lapinq", "--password-stdin", "-j")
        changed = lapinq(command_database, "user", *new, stdin="correct horse\n")
        assert changed.exit_code == 0, changed.stderr
        assert json.loads(changed.stdout) == {"username": "lapinq", "changed": True}
        assert session.get("/me").status_code == 401
        with browser(server, "lapinq", "correct horse") as anew:
            assert anew.get("/me").json()["has_default_password"] is False


def test_a_name_that_is_no_text_is_nobodys(command_database: str) -> None:
    name = "a\udcffb"
    for arguments in (
        ("password", name, "--password-stdin"),
        ("role", name, "admin"),
        ("delete", name),
        ("delete", ""),
    ):
        done = lapinq(command_database, "user", *arguments, stdin="correct horse\n")
        assert done.exit_code == 1
        assert done.stderr.startswith("Error: there is no user ")
