"""A caller holds as much as others leave, and a quiet one always gets in."""

import asyncio

import pytest

from lapinq_api.overload.fair_share import SERVER, Caller, FairLine, FairShare
from lapinq_api.wire.errors import Busy, OverShare

OTHERS = "too many sockets are open for one caller: LAPINQ_CALLER_SHARE keeps the rest for others"


def filled(limit: int, *callers: Caller, share: float = 0.9) -> FairShare:
    """What is left after each of `callers`, in turns, took as much as they could."""
    made = FairShare(limit, "sockets are open", share, "LAPINQ_SOCKETS")
    taken = -1
    while taken < made.held:
        taken = made.held
        for caller in callers:
            if made.is_open_to(caller):
                made.take(caller)
    return made


@pytest.mark.parametrize(
    ("limit", "callers", "share", "each"),
    [
        (1000, 1, 0.9, 900),
        (1000, 10, 0.9, 98),
        (4, 1, 0.9, 3),
        (1, 1, 0.9, 1),
        (1000, 1, 0.5, 500),
        (1000, 1, 1.0, 1000),
    ],
)
def test_a_caller_holds_as_much_as_their_share_of_what_is_free(
    limit: int, callers: int, share: float, each: int
) -> None:
    names = [f"192.0.2.{number}" for number in range(callers)]
    made = filled(limit, *names, share=share)
    assert {made.held_by(name) for name in names} <= {each, each - 1, each + 1}
    assert callers > 1 or made.held_by(names[0]) == each


def test_whoever_holds_nothing_gets_in_until_nothing_is_free() -> None:
    made = filled(10, "flood")
    with pytest.raises(OverShare, match=OTHERS) as refused:
        made.take("flood")
    assert (refused.value.status, refused.value.headers) == (429, {"Retry-After": "1"})
    made.take("quiet")
    with pytest.raises(Busy, match=r"^too many sockets are open \(LAPINQ_SOCKETS\)$") as full:
        made.take("another")
    assert (full.value.status, full.value.headers) == (503, {"Retry-After": "1"})
    made.leave("flood")
    made.take("another")


def test_the_first_may_be_larger_than_what_is_free_and_no_other() -> None:
    made = FairShare(100, "responses are unread", 0.9)
    made.take("flood", 80)
    with pytest.raises(Busy, match=r"^too many responses are unread$"):
        made.take("flood", 30)
    made.take("quiet", 500)
    with pytest.raises(Busy):
        made.take("another", 1)
    made.leave("quiet", 500)
    made.leave("flood", 80)
    assert made.held == 0


def test_the_server_itself_has_no_share() -> None:
    made = filled(3, SERVER)
    assert made.held == 3
    assert not made.is_open_to("quiet")
    made.leave(SERVER)
    made.take("quiet")


class Calls:
    """Calls that run until they are let go, in a line of three places."""

    def __init__(self, max_waiting: int = 10) -> None:
        self.line = FairLine(3, max_waiting, "calls run", 0.9)
        self.began: list[Caller] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def call(self, *callers: Caller, seconds: float = 60.0) -> None:
        """Lines them up."""
        for caller in callers:
            self._tasks.append(asyncio.create_task(self._call(caller, seconds)))
            await asyncio.sleep(0)

    async def end(self, caller: Caller) -> None:
        """Ends a running call of `caller`, and lets the next ones begin."""
        self.line.leave(caller)
        for _ in range(5):
            await asyncio.sleep(0)

    async def errors(self) -> list[BaseException | None]:
        return await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _call(self, caller: Caller, seconds: float) -> None:
        await self.line.take(caller, seconds)
        self.began.append(caller)


async def test_a_quiet_caller_does_not_wait_behind_a_flood() -> None:
    calls = Calls()
    await calls.call("flood", "flood", "flood", "flood")
    assert calls.began == ["flood", "flood"]
    await calls.call("quiet")
    assert calls.began[2:] == ["quiet"]
    await calls.call("quiet", "another", "quiet")
    await calls.end("flood")
    assert calls.began[3:] == ["another"]
    await calls.end("another")  # its place stays free for callers that run nothing
    assert calls.began[4:] == []
    for caller in ("flood", "quiet", "flood", "quiet"):
        await calls.end(caller)
    assert calls.began[4:] == ["flood", "quiet", "flood", "quiet"]
    assert await calls.errors() == [None] * 8


async def test_the_line_is_bounded_for_all_and_for_one_caller() -> None:
    calls = Calls(max_waiting=2)
    await calls.call(*["flood"] * 4, "quiet", "quiet", "another", seconds=0.01)
    kinds = [type(error) for error in await calls.errors()]
    # One of the flood waits until its time is up, the next may not. A quiet caller waits, too, and then it is full.
    assert kinds == [type(None), type(None), Busy, OverShare, type(None), Busy, Busy]
    assert calls.line.waiting == 0
    await calls.call("another", seconds=0.01)
    await calls.end("flood")
    assert calls.began[3:] == ["another"]


async def test_who_leaves_the_line_leaves_nothing_behind() -> None:
    line = FairLine(1, 10, "calls run", 0.9)
    await line.take("a", 1)
    gone, late = (asyncio.create_task(line.take("b", 60)) for _ in range(2))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.wait((gone,))
    line.leave("a")  # it is the turn of the second
    late.cancel()  # at the same moment
    await asyncio.wait((late,))
    await line.take("c", 0)
    assert line.waiting == 0
