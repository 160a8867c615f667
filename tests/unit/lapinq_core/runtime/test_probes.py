"""What a program answers to probes: that it lives as long as its event loop turns, and why it can't work."""

import asyncio
import threading

from lapinq_core.runtime.probes import Probes
from tests.support.eventually import eventually


def test_a_program_that_starts_lives_but_cannot_work_yet() -> None:
    probes = Probes(stuck_after=0.0)
    assert probes.what_ails_it() is None
    assert probes.what_keeps_it() == "it is starting, or waits for the database"


def test_one_that_has_started_says_what_keeps_it() -> None:
    probes, reasons = Probes(stuck_after=60.0), ["it is stopping"]
    probes.started(lambda: reasons[0] if reasons else None)
    assert probes.what_keeps_it() == "it is stopping"
    reasons.clear()
    assert probes.what_keeps_it() is None


def test_an_event_loop_that_does_not_turn_ails_it_until_it_turns_again() -> None:
    probes = Probes(stuck_after=2.0)
    probes.started(lambda: None)
    go_on = threading.Event()

    async def hold_up() -> None:
        with probes.beating():
            await asyncio.sleep(0)
            go_on.wait(30)  # in the way of the loop
            await asyncio.to_thread(eventually, lambda: probes.what_ails_it() is None)

    thread = threading.Thread(target=asyncio.run, args=[hold_up()])
    thread.start()
    try:
        eventually(lambda: probes.what_ails_it() is not None)
        ailing = probes.what_ails_it()
        assert ailing is not None
        assert ailing.startswith("its event loop has not turned for ")
        assert probes.what_keeps_it() is not None
    finally:
        go_on.set()
        thread.join()
    assert probes.what_ails_it() is None
