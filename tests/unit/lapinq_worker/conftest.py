"""`run` runs the coroutine of a test on each kind of event loop that workers meet."""

import asyncio
from collections.abc import Callable, Coroutine

import pytest
import uvloop

Run = Callable[[Callable[[], Coroutine[None, None, None]]], None]

_LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "uvloop": uvloop.new_event_loop,
    "asyncio": asyncio.new_event_loop,
}


@pytest.fixture(params=_LOOPS)
def run(request: pytest.FixtureRequest) -> Run:
    """Calls a coroutine function; whatever a loop reports as not handled fails the test."""

    def run(test: Callable[[], Coroutine[None, None, None]]) -> None:
        unhandled = list[str]()

        async def watched() -> None:
            asyncio.get_running_loop().set_exception_handler(
                lambda _, context: unhandled.append(f"{context['message']}: {context.get('exception')!r}")
            )
            await test()

        with asyncio.Runner(loop_factory=_LOOPS[request.param]) as runner:
            runner.run(watched())
        assert not unhandled

    return run
