"""Which addresses are connected to, with a resolver that answers what the test wants."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpcore
import pytest

from lapinq_core.domain.webhooks.target import read_allowed
from lapinq_scheduler.webhooks import resolver
from lapinq_scheduler.webhooks.guarded_network import GuardedNetwork, TargetRefused
from lapinq_scheduler.webhooks.resolver import Unresolved


class Names:
    """Answers each lookup with the next of `answers`, the last one for ever."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    def __call__(self, host: str, port: int, **_: Any) -> list[Any]:
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if not answer:
            raise socket.gaierror(-2, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in answer]


def network(*answers: list[str], allowed: str | None = None) -> GuardedNetwork:
    """One whose names have these addresses, the real ones if there are none."""
    lookup = Names(*answers) if answers else socket.getaddrinfo
    return GuardedNetwork(read_allowed([allowed] if allowed else []), lookup)


def addresses(network: GuardedNetwork, host: str = "hooks.example") -> list[str]:
    return asyncio.run(network.callable_addresses(host, 80, 5.0))


def peer(network: GuardedNetwork, port: int) -> str:
    """The address that a connection goes to."""

    async def connect() -> str:
        stream = await network.connect_tcp("a.example", port, 5.0)
        try:
            return stream.get_extra_info("server_addr")[0]
        finally:
            await stream.aclose()

    return asyncio.run(connect())


@pytest.fixture
def port() -> Iterator[int]:
    """Where 127.0.0.1 listens, and no other address of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_private_addresses_are_left_out_unless_they_are_allowed() -> None:
    mixed = network(["10.0.0.1", "1.1.1.1", "::1", "2606:4700::1111"])
    assert addresses(mixed) == ["1.1.1.1", "2606:4700::1111"]
    for allowed in ("10.0.0.0/8", "hooks.example"):
        assert addresses(network(["10.0.0.1"], allowed=allowed)) == ["10.0.0.1"]


def test_a_refusal_names_an_entry_that_the_setting_takes() -> None:
    said = r"^the address of hooks\.example is private: .*add hooks\.example to LAPINQ_WEBHOOK_ALLOW$"
    with pytest.raises(TargetRefused, match=said):
        addresses(network(["10.0.0.1", "127.0.0.1"]))
    said = r"2130706433 is private: .*add 127\.0\.0\.1 to LAPINQ_WEBHOOK_ALLOW$"
    with pytest.raises(TargetRefused, match=said):
        addresses(network(), "2130706433")


LOOPBACK = ["127.0.0.1", "2130706433", "0x7f.1", "0x7f000001", "0177.0.0.1", "127.1", "localhost", "::1", "0"]


@pytest.mark.parametrize("host", [*LOOPBACK, "::ffff:127.0.0.1"])
def test_this_machine_is_refused_however_it_is_written(host: str) -> None:
    with pytest.raises((TargetRefused, Unresolved)):
        addresses(network(), host)


def test_a_name_that_is_looked_up_once_can_not_change_its_mind(port: int) -> None:
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    assert peer(GuardedNetwork(read_allowed(["127.0.0.1"]), names), port) == "127.0.0.1"
    assert names.asked == 1


def test_the_next_address_is_tried_when_one_takes_no_connection(port: int) -> None:
    assert peer(network(["127.0.0.2", "127.0.0.1"], allowed="127.0.0.0/8"), port) == "127.0.0.1"
    with pytest.raises(httpcore.ConnectError):
        peer(network(["127.0.0.2", "127.0.0.3"], allowed="127.0.0.0/8"), port)


def test_what_can_not_be_a_name_or_is_unknown_has_no_address() -> None:
    for host in ("a..b", "x" * 70 + ".example"):
        with pytest.raises(Unresolved):
            addresses(network(), host)
    with pytest.raises(Unresolved, match=r"hooks\.example has no address"):
        addresses(network([]))


def test_a_resolver_that_hangs_is_left_behind_and_asked_so_often_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resolver, "MAX_LOOKUPS", 2)
    hanging = threading.Event()

    def hang(*_: Any, **__: Any) -> list[Any]:
        hanging.wait(30)
        return []

    async def run() -> None:
        network = GuardedNetwork(read_allowed([]), hang)
        for _ in range(2):
            with pytest.raises(Unresolved, match="within"):
                await network.callable_addresses("a.example", 80, 0.01)
        with pytest.raises(Unresolved, match="the resolver does not answer"):
            await network.callable_addresses("a.example", 80, 0.01)

    try:
        asyncio.run(run())
    finally:
        hanging.set()
