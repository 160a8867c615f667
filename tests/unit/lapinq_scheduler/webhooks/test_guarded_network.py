"""Which addresses are connected to, with a resolver that answers what the test wants."""

import asyncio
import socket
import threading
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


def addresses(network: GuardedNetwork, host: str = "hooks.example", timeout: float = 5.0) -> list[str]:
    return asyncio.run(network.callable_addresses(host, 80, timeout))


def test_private_addresses_are_left_out() -> None:
    network = GuardedNetwork(read_allowed([]), Names(["10.0.0.1", "1.1.1.1", "::1", "2606:4700::1111"]))
    assert addresses(network) == ["1.1.1.1", "2606:4700::1111"]


def test_a_host_with_private_addresses_alone_is_refused_by_name() -> None:
    with pytest.raises(
        TargetRefused,
        match=r"^the address of hooks\.example is private: .*add hooks\.example to LAPINQ_WEBHOOK_ALLOW$",
    ):
        addresses(GuardedNetwork(read_allowed([]), Names(["10.0.0.1", "127.0.0.1"])))


def test_a_refusal_names_an_entry_that_the_setting_takes() -> None:
    with pytest.raises(
        TargetRefused, match=r"2130706433 is private: .*add 127\.0\.0\.1 to LAPINQ_WEBHOOK_ALLOW$"
    ):
        addresses(GuardedNetwork(read_allowed([])), "2130706433")


def test_what_is_allowed_is_called() -> None:
    assert addresses(GuardedNetwork(read_allowed(["10.0.0.0/8"]), Names(["10.0.0.1"]))) == ["10.0.0.1"]
    assert addresses(GuardedNetwork(read_allowed(["hooks.example"]), Names(["10.0.0.1"]))) == ["10.0.0.1"]


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "2130706433",
        "0x7f.1",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "localhost",
        "::1",
        "::ffff:127.0.0.1",
        "0",
    ],
)
def test_this_machine_is_refused_however_it_is_written(host: str) -> None:
    with pytest.raises((TargetRefused, Unresolved)):
        addresses(GuardedNetwork(read_allowed([])), host)


def test_a_name_that_is_looked_up_once_can_not_change_its_mind() -> None:
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        async def connect() -> Any:
            stream = await GuardedNetwork(read_allowed(["127.0.0.1"]), names).connect_tcp(
                "a.example", port, 5.0
            )
            try:
                return stream.get_extra_info("server_addr")
            finally:
                await stream.aclose()

        assert asyncio.run(connect())[0] == "127.0.0.1"
    assert names.asked == 1


def test_the_next_address_is_tried_when_one_takes_no_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        network = GuardedNetwork(read_allowed(["127.0.0.0/8"]), Names(["127.0.0.2", "127.0.0.1"]))

        async def connect() -> None:
            stream = await network.connect_tcp("a.example", listener.getsockname()[1], 5.0)
            await stream.aclose()

        asyncio.run(connect())


def test_where_none_takes_a_connection_the_error_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    network = GuardedNetwork(read_allowed(["127.0.0.0/8"]), Names(["127.0.0.1", "127.0.0.2"]))
    with pytest.raises(httpcore.ConnectError):
        asyncio.run(network.connect_tcp("a.example", port, 5.0))


@pytest.mark.parametrize("host", ["a..b", "x" * 70 + ".example"])
def test_a_name_that_can_not_be_one_has_no_address(host: str) -> None:
    with pytest.raises(Unresolved):
        addresses(GuardedNetwork(read_allowed([])), host)


def test_an_unknown_name_has_no_address() -> None:
    with pytest.raises(Unresolved, match=r"hooks\.example has no address"):
        addresses(GuardedNetwork(read_allowed([]), Names([])))


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
