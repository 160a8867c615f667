"""`run` runs the coroutine of a test on each kind of event loop that workers meet."""

import asyncio
from collections.abc import Callable, Coroutine

import pytest
import uvloop

from tests.support.event_loops import anyio_backend, nothing_is_left_unhandled

__all__ = ["anyio_backend", "nothing_is_left_unhandled"]

Test = Callable[[], Coroutine[None, None, None]]
Run = Callable[[Test], None]

_LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "uvloop": uvloop.new_event_loop,
    "asyncio": asyncio.new_event_loop,
}


@pytest.fixture(params=_LOOPS)
def run(request: pytest.FixtureRequest) -> Run:
    """Calls a coroutine function; whatever a loop reports as not handled fails the test."""
    return lambda test: _run(test, _LOOPS[request.param])


def _run(test: Test, loop_factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    unhandled = list[str]()

    async def watched() -> None:
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: unhandled.append(f"{context['message']}: {context.get('exception')!r}")
        )
        await test()

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(watched())
    assert not unhandled
