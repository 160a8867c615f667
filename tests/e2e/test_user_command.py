"""`lapinq user` on a real database."""

import json

import psycopg
from click.testing import Result

from lapinq_api.app import build_app
from lapinq_core.runtime.settings import Settings
from tests.support.http.people import browser
from tests.support.http.serving import serving
from tests.support.programs.command_line import lapinq


def lapinq_user(database: str, *arguments: str, stdin: str = "") -> Result:
    return lapinq(database, "user", *arguments, stdin=stdin)


def test_users_are_made_changed_and_taken_away(database: str) -> None:
    made = lapinq_user(
        database, "add", "lisa", "--role", "admin", "--password-stdin", stdin="correct horse\n"
    )
    assert (made.exit_code, made.stdout) == (0, "created lisa\n"), made.stderr
    again = lapinq_user(database, "add", "LISA", "--password-stdin", stdin="correct horse\n")
    assert (again.exit_code, again.stderr) == (1, "Error: a user LISA exists already\n")
    assert lapinq_user(database, "add", "bert", "--password-stdin", stdin="battery staple").exit_code == 0

    listed = json.loads(lapinq_user(database, "list", "--json").stdout)
    assert [(one["username"], one["role"]) for one in listed] == [("bert", "user"), ("lisa", "admin")]
    assert "password_hash" not in listed[0]

    last = lapinq_user(database, "delete", "lisa")
    assert (last.exit_code, "last admin" in last.stderr) == (1, True)
    assert lapinq_user(database, "role", "bert", "admin").exit_code == 0
    assert lapinq_user(database, "delete", "lisa").stdout == "deleted lisa\n"
    assert lapinq_user(database, "delete", "lisa").exit_code == 1

    with psycopg.connect(database) as conn:
        noted = conn.execute("SELECT actor_kind, action, target FROM lapinq_audit ORDER BY id").fetchall()
        details = str(conn.execute("SELECT * FROM lapinq_audit").fetchall())
    assert noted == [
        ("command line", "user.create", "lisa"),
        ("command line", "user.create", "bert"),
        ("command line", "user.role", "bert"),
        ("command line", "user.delete", "lisa"),
    ]
    assert "horse" not in details


def test_a_new_password_ends_all_sessions(database: str) -> None:
    app = build_app(Settings(database_url=database))
    with serving(app) as server, browser(server) as session:
        assert session.get("/me").status_code == 200
        changed = lapinq_user(
            database, "password", "lapinq", "--password-stdin", "-j", stdin="correct horse\n"
        )
        assert changed.exit_code == 0, changed.stderr
        assert json.loads(changed.stdout) == {"username": "lapinq", "changed": True}
        assert session.get("/me").status_code == 401
        with browser(server, "lapinq", "correct horse") as anew:
            assert anew.get("/me").json()["has_default_password"] is False


def test_a_password_obeys_the_rules(database: str) -> None:
    for password in ("short", "x" * 1025, "username", ""):
        refused = lapinq_user(database, "add", "username", "--password-stdin", stdin=f"{password}\n")
        assert (refused.exit_code, refused.stderr.startswith("Error: the password must")) == (2, True)


def test_a_name_that_is_no_text_is_nobodys(database: str) -> None:
    for arguments in (
        ["password", "a\udcffb", "--password-stdin"],
        ["role", "a\udcffb", "admin"],
        ["delete", "a\udcffb"],
        ["delete", ""],
    ):
        done = lapinq_user(database, *arguments, stdin="correct horse\n")
        assert done.exit_code == 1
        assert done.stderr.startswith("Error: there is no user ")
