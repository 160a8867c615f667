"""Which channels a process listens to while these change, and that it connects again."""

import asyncio

import pytest

from lapinq_core.db import pool
from lapinq_core.db.notify import listener as listener_module
from lapinq_core.db.notify.listener import Listener
from lapinq_core.db.notify.notifier import notify
from tests.support.database.proxy import proxy
from tests.support.eventually import eventually_async
from tests.support.rows.factories import Conn


async def test_it_follows_channels_that_change(
    database: str, conn: Conn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener_module, "CHECK_INTERVAL_SECONDS", 0.05)
    channels, heard, stop = frozenset({"first", "kept"}), list[str](), asyncio.Event()
    listener = Listener(database, "test")
    listener.subscribe("always", heard.append)
    listener.subscribe_varying(lambda: channels, heard.append)
    running = asyncio.create_task(listener.run(stop))

    async def ended() -> bool:
        return "end" in heard

    async def heard_of_all() -> list[str] | None:
        heard.clear()
        for channel in ("always", "first", "kept", "second"):
            await notify(conn, [channel], channel)
        await notify(conn, ["end"], "always")
        await eventually_async(ended)
        return heard[:-1]

    async def has_followed() -> bool:
        return await heard_of_all() == ["always", "kept", "second"]

    async def is_connected() -> bool:
        return listener.connected

    try:
        await eventually_async(is_connected)
        assert await heard_of_all() == ["always", "first", "kept"]
        channels = frozenset({"kept", "second"})
        await eventually_async(has_followed)
    finally:
        stop.set()
        await running


@pytest.mark.parametrize("words", [b"default_transaction_isolation", b"LISTEN"], ids=["settings", "listen"])
async def test_a_server_that_falls_silent_after_the_login_is_left(
    shared_database: str, words: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pool, "CONNECT_TIMEOUT_SECONDS", 0.2)
    monkeypatch.setattr(listener_module, "CHECK_DEADLINE_SECONDS", 0.2)
    stop = asyncio.Event()

    async def tries_again() -> bool:
        return "listener: " in caplog.text and "trying again" in caplog.text

    async def is_connected() -> bool:
        return listener.connected

    with proxy(shared_database) as between:
        between.swallow_after(words)
        listener = Listener(between.url, "test")
        listener.subscribe("always", lambda _: None)
        running = asyncio.create_task(listener.run(stop))
        try:
            await eventually_async(tries_again)
            between.heal()
            await eventually_async(is_connected)
        finally:
            stop.set()
            running.cancel()
            await asyncio.wait([running])
