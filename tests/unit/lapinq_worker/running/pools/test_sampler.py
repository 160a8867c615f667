"""The sampler: what it meets in the main thread, and what it leaves out."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from lapinq_core.domain.tasks.diagnostics.profile import WAITING, Profile, unpacked
from lapinq_core.domain.tasks.diagnostics.traceback_text import Owner, owner_of
from lapinq_core.domain.tasks.outcome import Completed, Outcome
from lapinq_worker.running.pools.calling import AROUND_THE_FUNCTION, call
from lapinq_worker.running.pools.child_side import sampler as module
from lapinq_worker.running.pools.child_side.sampler import Sampler
from tests.support.sample import tasks
from tests.unit.lapinq_worker.claims import make_job


def called(function: Callable[..., Any], *args: Any) -> Outcome:
    job = make_job(function, *args)
    return call(job.target, job.arguments)


def profile_of(seconds: float, interval: float = 0.001) -> tuple[Outcome, Profile]:
    sampler = Sampler(AROUND_THE_FUNCTION, interval)
    with sampler:
        outcome = called(tasks.busy_and_idle, seconds, seconds)
        until = time.perf_counter() + 0.02
        while time.perf_counter() < until:  # outside of the function
            pass
    return outcome, unpacked(sampler.result())


def test_the_time_of_a_function_is_that_of_its_stacks() -> None:
    outcome, profile = profile_of(0.1)
    assert outcome == Completed('"done"')
    names = [frame.name for frame in profile.frames]
    assert set(names) >= {"busy_and_idle", "_compute"}
    assert not {"_run", "call", "test_the_time_of_a_function_is_that_of_its_stacks"} & set(names)
    shown = {frame.name: frame for frame in profile.frames}["_compute"]
    assert shown.file.endswith("tests/support/sample/tasks.py")
    assert shown.line == tasks._compute.__code__.co_firstlineno  # pyright: ignore[reportPrivateUsage]
    # Half of the time it computes. Who gives how much to whom depends on the machine: only the order of things counts.
    computing = sum(
        stack.samples for stack in profile.stacks if "_compute" in [names[n] for n in stack.frames]
    )
    assert 0 < computing < profile.samples
    assert all(names[stack.frames[0]] == "busy_and_idle" for stack in profile.stacks)
    assert profile.seconds >= 0.2


def test_a_coroutine_that_waits_shows_what_it_awaits() -> None:
    sampler = Sampler(AROUND_THE_FUNCTION, 0.001)
    with sampler:
        assert called(tasks.abusy_and_waits, 0.1, 0.1) == Completed('"done"')
    profile = unpacked(sampler.result())
    samples = {
        tuple(profile.frames[place].name for place in stack.frames[:4]): stack.samples
        for stack in profile.stacks
    }
    waiting = samples["abusy_and_waits", "_await", "sleep", "waiting"]
    assert 0 < waiting < profile.samples
    assert 0 < samples["abusy_and_waits", "_compute"] < profile.samples
    assert WAITING in profile.frames
    files = {frame.name: frame.file for frame in profile.frames}
    assert owner_of(files["sleep"]) is Owner.PYTHON
    assert owner_of(files["_await"]) is Owner.USER


def test_stacks_beyond_the_limit_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST", 1)
    _, profile = profile_of(0.05)
    assert len(profile.stacks) == 1
    assert profile.left_out > 0


def test_a_function_that_ends_at_once_has_an_empty_profile() -> None:
    sampler = Sampler(AROUND_THE_FUNCTION, 60)
    with sampler:
        assert called(tasks.add, 1, 2) == Completed("3")
    assert unpacked(sampler.result()).stacks == []
