"""People in tests: logging in as a browser does, and users to log in as."""

import itertools
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from lapinq_api.credentials import passwords
from tests.support.http.serving import WITHOUT_TLS

PASSWORD = "correct horse"

_numbers = itertools.count(1)


def log_in(client: httpx.Client, username: str = "lapinq", password: str = "lapinq") -> str:
    """Logs `client` in, which keeps the cookie; returns the token."""
    answer = client.post("/login", data={"username": username, "password": password})
    assert answer.status_code == 303, answer.text
    return client.cookies["lapinq_session"]


@contextmanager
def quick_passwords() -> Generator[None]:
    """Applications that are built meanwhile hash at the lowest cost, in a hundredth of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(passwords.COST, "argon2__memory_cost", 8)
        patch.setitem(passwords.COST, "argon2__time_cost", 1)
        yield


@contextmanager
def browser(
    server: httpx.Client, username: str | None = "lapinq", password: str = "lapinq"
) -> Generator[httpx.Client]:
    """A client of the same server with separate cookies, logged in unless `username` is None."""
    with httpx.Client(base_url=server.base_url, timeout=15, trust_env=False, verify=WITHOUT_TLS) as client:
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
