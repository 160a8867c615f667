"""People in tests: logging in as a browser does, and users to log in as."""

import itertools
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import httpx

PASSWORD = "correct horse"

_numbers = itertools.count(1)


def log_in(client: httpx.Client, username: str = "lapinq", password: str = "lapinq") -> str:
    """Logs `client` in, which keeps the cookie; returns the token."""
    answer = client.post("/login", data={"username": username, "password": password})
    assert answer.status_code == 303, answer.text
    return client.cookies["lapinq_session"]


@contextmanager
def browser(
    server: httpx.Client, username: str | None = "lapinq", password: str = "lapinq"
) -> Generator[httpx.Client]:
    """A client of the same server with separate cookies, logged in unless `username` is None."""
    with httpx.Client(base_url=server.base_url, timeout=15, trust_env=False) as client:
        if username is not None:
            log_in(client, username, password)
        yield client


def add_user(admin: httpx.Client, role: str = "user", **queues: list[str]) -> dict[str, Any]:
    """A new user with the password `PASSWORD` and these permissions, made by an admin who is logged in."""
    answer = admin.post(
        "/admin/users",
        json={"username": f"person {next(_numbers)}", "password": PASSWORD, "role": role},
    )
    assert answer.status_code == 201, answer.text
    user: dict[str, Any] = answer.json()
    if queues:
        answer = admin.post(f"/admin/users/{user['id']}/permissions", json={"queues": queues})
        assert answer.status_code == 200, answer.text
    return user
