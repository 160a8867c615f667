"""What a program answers to probes: that it lives as long as its event loop turns, and why it can't work."""

import asyncio
import threading

from lapinq_core.monitoring.probes import Probes
from tests.support.eventually import eventually


def test_a_program_that_starts_lives_but_cannot_work_yet() -> None:
    probes = Probes(blocked_after=0.0)
    assert probes.why_not_alive() is None
    assert probes.why_not_ready() == "it is starting, or waits for the database"


def test_a_started_program_says_why_it_is_not_ready() -> None:
    probes, reasons = Probes(blocked_after=60.0), ["it is stopping"]
    probes.started(lambda: reasons[0] if reasons else None)
    assert probes.why_not_ready() == "it is stopping"
    reasons.clear()
    assert probes.why_not_ready() is None


def test_an_event_loop_that_does_not_turn_ails_it_until_it_turns_again() -> None:
    probes = Probes(blocked_after=2.0)
    probes.started(lambda: None)
    go_on = threading.Event()

    async def hold_up() -> None:
        with probes.beating():
            await asyncio.sleep(0)
            go_on.wait(30)  # in the way of the loop
            await asyncio.to_thread(eventually, lambda: probes.why_not_alive() is None)

    thread = threading.Thread(target=asyncio.run, args=[hold_up()])
    thread.start()
    try:
        eventually(lambda: probes.why_not_alive() is not None)
        reason = probes.why_not_alive()
        assert reason is not None
        assert reason.startswith("its event loop has not turned for ")
        assert probes.why_not_ready() is not None
    finally:
        go_on.set()
        thread.join()
    assert probes.why_not_alive() is None
