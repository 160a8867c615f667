"""The rate limit over time, by address, in bounded memory."""

import asyncio

import pytest
from starlette.types import Message, Receive, Scope, Send

from lapinq_api.middleware import rate_limit
from lapinq_api.middleware.rate_limit import RateLimit


class Caller:
    """Sends requests through a limit at times of its own choosing, in seconds."""

    def __init__(self, limit: int) -> None:
        self.now = 6000.0
        self.limit = RateLimit(self._app, limit, clock=lambda: self.now)

    def statuses(self, count: int) -> list[int]:
        return [self.status() for _ in range(count)]

    def handshake(self) -> str:
        """The type of the answer to the handshake of live updates."""
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            return {"type": "websocket.connect"}

        scope: Scope = {"type": "websocket", "path": "/ws", "client": ("192.0.2.1", 1), "headers": []}
        asyncio.run(self.limit(scope, receive, send))
        return sent[0]["type"]

    def status(self, address: str | None = "192.0.2.1", path: str = "/api/v1/tasks") -> int:
        return self.send(address, path)[0]

    def send(
        self, address: str | None = "192.0.2.1", path: str = "/api/v1/tasks"
    ) -> tuple[int, dict[bytes, bytes]]:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            return {"type": "http.request"}

        scope: Scope = {"type": "http", "path": path, "client": (address, 1) if address else None}
        asyncio.run(self.limit(scope, receive, send))
        return sent[0]["status"], dict(sent[0].get("headers", []))

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = "http.response.start" if scope["type"] == "http" else "websocket.accept"
        await send({"type": answer, "status": 200})


def test_the_limit_is_by_address_or_network_of_ipv6_and_for_the_api_alone() -> None:
    for alike, others in (
        (["192.0.2.1"] * 3, ["192.0.2.2", None]),
        (["2001:db8::1", "2001:db8::2", "2001:db8::3"], ["2001:db8:0:1::1", "fe80::1%eth0"]),
    ):
        caller = Caller(2)
        assert [caller.status(address) for address in alike] == [200, 200, 429]
        assert [caller.status(address) for address in others] == [200, 200]
        assert [caller.status(path="/health") for _ in range(5)] == [200] * 5


def test_decision_links_and_live_updates_count() -> None:
    caller = Caller(2)
    assert caller.status(path="/decide") == 200
    assert [caller.handshake() for _ in range(2)] == ["websocket.accept", "websocket.close"]
    assert caller.status(path="/decide") == 429


def test_every_answer_says_where_its_address_stands() -> None:
    caller = Caller(3)
    caller.now += 20
    assert [_standing(caller.send()[1]) for _ in range(3)] == [(3, 2, 40), (3, 1, 40), (3, 0, 40)]
    status, headers = caller.send()
    assert status == 429
    assert _standing(headers) == (3, 0, int(headers[b"retry-after"]))
    assert _standing(caller.send("192.0.2.2")[1]) == (3, 2, 40)
    assert b"x-ratelimit-limit" not in caller.send(path="/health")[1]


def test_what_remains_is_let_through() -> None:
    caller = Caller(10)
    caller.statuses(10)
    caller.now += 75  # half of the minute before still counts
    status, headers = caller.send()
    assert (status, int(headers[b"x-ratelimit-remaining"])) == (200, 1)
    assert caller.statuses(2) == [200, 429]


@pytest.mark.parametrize("start", [0.0, 20.0, 59.0])
def test_after_the_time_that_retry_after_says_there_is_room(start: float) -> None:
    caller = Caller(10)
    caller.now += start
    assert caller.statuses(10) == [200] * 10
    status, headers = caller.send()
    assert status == 429
    caller.now += int(headers[b"retry-after"])
    assert caller.status() == 200


def test_no_minute_lets_twice_the_limit_through_and_a_quiet_time_forgets() -> None:
    caller = Caller(60)
    caller.now += 59
    assert caller.statuses(60) == [200] * 60
    caller.now += 2
    assert caller.statuses(60).count(200) <= 2
    caller.now += 30
    assert 25 <= caller.statuses(60).count(200) <= 35
    caller.now += 121
    assert caller.statuses(60) == [200] * 60


def test_addresses_beyond_those_remembered_share_one_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limit, "MAX_ADDRESSES", 3)
    caller = Caller(2)
    statuses = [caller.status(f"192.0.2.{n}") for n in range(8)]
    assert statuses == [200, 200, 200, 200, 200, 429, 429, 429]
    assert caller.status("192.0.2.0") == 200


def _standing(headers: dict[bytes, bytes]) -> tuple[int, ...]:
    return tuple(int(headers[b"x-ratelimit-" + name]) for name in (b"limit", b"remaining", b"reset"))
