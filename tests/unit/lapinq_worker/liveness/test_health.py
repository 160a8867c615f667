"""How a worker is: what it counts, and what it does where the system can't tell."""

import asyncio
import os
import subprocess
import sys

import pytest

from lapinq_worker.liveness import health as module
from lapinq_worker.liveness.health import HealthMeter
from lapinq_worker.running.dispatcher import Dispatcher
from lapinq_worker.running.pools.parent_side.memory import resident_bytes


def idle() -> Dispatcher:
    return Dispatcher(4, lambda _job, _outcome, _seconds: None, on_low=lambda: None, may_start=lambda: True)


def memory_with(child: int) -> int | None:
    async def measure() -> int | None:
        told = HealthMeter(idle(), lambda: [child], lambda: False).measure()
        assert (told.running, told.is_quiet) == (0, False)
        return told.memory_bytes

    return asyncio.run(measure())


def test_memory_is_that_of_the_process_and_its_children(monkeypatch: pytest.MonkeyPatch) -> None:
    own = resident_bytes(os.getpid())
    assert own is not None
    code = "import sys; held = bytearray(64 * 2**20); print('ready', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline()
        assert (memory_with(child.pid) or 0) > own + 60 * 2**20
        child.kill()
    assert 0 < (memory_with(child.pid) or 0) < own + 60 * 2**20

    def cannot_tell(_: int) -> None:
        return None

    monkeypatch.setattr(module, "resident_bytes", cannot_tell)
    assert memory_with(1) is None


def test_the_rate_is_that_since_the_look_before(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)

    async def test() -> None:
        nonlocal now
        dispatcher = idle()
        meter = HealthMeter(dispatcher, tuple[int, ...], lambda: True)
        assert meter.measure().rate is None  # no time has passed
        for ended, seconds, rate in ((10, 5.0, 2.0), (0, 2.0, 0.0), (3, 0.5, 6.0)):
            dispatcher.ended_count += ended
            now += seconds
            assert meter.measure().rate == rate
        assert meter.measure().is_quiet

    asyncio.run(test())
