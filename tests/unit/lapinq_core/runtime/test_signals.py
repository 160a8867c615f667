"""The first signal asks, the second insists."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Coroutine
from functools import partial

import pytest
import uvloop

from lapinq_core.runtime import signals as module
from lapinq_core.runtime.signals import StopSignals, stop_signals, was_asked_to_stop


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
async def test_two_signals_mean_two_things(number: signal.Signals, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ECHO_SECONDS", 0.0)

    with stop_signals() as signals:
        os.kill(os.getpid(), number)
        async with asyncio.timeout(5):
            await signals.asked.wait()
        assert not signals.insisted.is_set()
        os.kill(os.getpid(), number)
        async with asyncio.timeout(5):
            await signals.insisted.wait()


def test_the_echo_of_a_signal_is_no_second_one() -> None:
    signals = StopSignals()
    signals.receive()
    signals.receive()
    assert signals.asked.is_set()
    assert not signals.insisted.is_set()


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_a_signal_is_noticed_while_the_loop_is_held_up_and_afterwards_does_what_it_did_before(
    run: Callable[[Coroutine[None, None, None]], None], request: pytest.FixtureRequest
) -> None:
    async def main() -> None:
        with stop_signals() as signals:
            assert not was_asked_to_stop()
            os.kill(os.getpid(), signal.SIGTERM)
            give_up = time.monotonic() + 5
            while not was_asked_to_stop() and time.monotonic() < give_up:
                pass
            assert was_asked_to_stop()
            assert not signals.asked.is_set()
            async with asyncio.timeout(5):
                await signals.asked.wait()

    request.addfinalizer(partial(signal.signal, signal.SIGTERM, signal.getsignal(signal.SIGTERM)))
    for before in (signal.SIG_DFL, signal.default_int_handler):
        signal.signal(signal.SIGTERM, before)
        run(main())
        assert signal.getsignal(signal.SIGTERM) is before
