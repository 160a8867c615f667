"""Which channels a process listens to, while these change."""

import asyncio

import pytest

from lapinq_core.db import listener as listener_module
from lapinq_core.db.listener import Listener
from lapinq_core.db.notifier import notify
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
