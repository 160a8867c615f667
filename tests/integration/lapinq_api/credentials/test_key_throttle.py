"""Keys that are guessed: what slows a guesser down, and whom that leaves alone."""

import httpx
import pytest

from lapinq_api.credentials import key_throttle
from tests.integration.lapinq_api.conftest import Serve
from tests.support.http.people import PASSWORD, add_user, browser, log_in

MASTER = "the master's key"


@pytest.fixture
def server(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> httpx.Client:
    monkeypatch.setattr(key_throttle, "MAX_WRONG_KEYS", 3)
    monkeypatch.setattr(key_throttle, "MAX_CHECKED_KEYS", 6)
    return serve(api_key=MASTER, session_secret="s", trusted_proxies=("127.0.0.1",))


def ask(
    server: httpx.Client, key: str, address: str = "203.0.113.1", path: str = "/api/v1/queues"
) -> httpx.Response:
    return server.get(path, headers={"X-API-Key": key, "X-Forwarded-For": address})


def test_an_address_that_guesses_keys_is_slowed_down_and_no_other(server: httpx.Client) -> None:
    paths = ("/api/v1/queues", "/admin/users", "/api/v1/queues", "/api/v1/queues", "/me", "/me")
    *checked, refused, _, _ = [ask(server, f"guess {n}", path=path) for n, path in enumerate(paths)]
    assert 429 not in {answer.status_code for answer in checked}
    assert refused.status_code == 429
    assert refused.json()["error"] == "too many wrong keys came from this address"
    assert 0 < int(refused.headers["retry-after"]) <= 60
    assert ask(server, "guess", "203.0.113.2").status_code == 401
    assert server.get("/api/v1/queues", headers={"X-Forwarded-For": "203.0.113.1"}).status_code == 401
    # Beyond the second limit no key is looked at, where none was right before.
    assert ask(server, MASTER).status_code == 429
    assert ask(server, MASTER, "203.0.113.2").status_code == 200


def test_who_brings_a_valid_key_or_a_session_does_not_suffer_from_a_guesser_at_their_address(
    server: httpx.Client,
) -> None:
    address = {"X-Forwarded-For": "203.0.113.1"}
    for number in range(5):
        ask(server, f"guess {number}")
    wanted = {"name": "a program's", "scopes": ["read"]}
    made = server.post("/api/v1/keys", json=wanted, headers={"X-API-Key": MASTER, **address})
    assert made.status_code == 201
    with browser(server) as admin:
        user = add_user(admin)
    server.headers.update(address)
    log_in(server, user["username"], PASSWORD)
    for number in range(5):
        assert ask(server, f"more {number}", path="/me").status_code == 200  # the session's
    del server.cookies["lapinq_session"]
    for number in range(5):
        assert ask(server, f"guess {number}").status_code == 429
    for key in (made.json()["key"], MASTER):
        assert ask(server, key).status_code == 200


def test_a_name_that_the_server_does_not_know_is_no_way_around_it(
    server: httpx.Client, api: httpx.Client
) -> None:
    server.headers["Host"] = "elsewhere.example"
    assert [ask(server, f"guess {n}").status_code for n in range(5)] == [400] * 3 + [429] * 2
    # Where the API is open, a wrong key is no guess.
    for _ in range(5):
        assert api.get("/api/v1/queues", headers={"X-API-Key": "guess"}).status_code == 200
