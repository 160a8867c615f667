"""A program ends in bounded time and with its own result, whatever user code left on the loop or in threads."""

import asyncio
import subprocess
import sys
import textwrap
import time

import pytest

from lapinq_core.runtime import main_loop
from lapinq_core.runtime.main_loop import run_main


async def end_program() -> None:
    sys.exit(3)


def test_it_gives_what_the_main_coroutine_returns_or_raises() -> None:
    async def give() -> int:
        return 7

    async def fail() -> None:
        raise ValueError("no")

    assert run_main(give()) == 7
    with pytest.raises(ValueError, match="no"):
        run_main(fail())
    with pytest.raises(SystemExit):
        run_main(end_program())


def test_what_is_left_on_the_loop_is_cancelled_and_left_behind_if_it_does_not_end(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(main_loop, "END_SECONDS", 0.1)
    ended = list[str]()

    async def left() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("left")

    async def stubborn() -> None:
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                continue

    async def main() -> str:
        loop = asyncio.get_running_loop()
        _tasks = [loop.create_task(left()), loop.create_task(stubborn())]
        await asyncio.sleep(0)
        return "done"

    started = time.monotonic()
    assert run_main(main()) == "done"
    assert time.monotonic() - started < 5
    assert ended == ["left"]
    assert "1 coroutines that tasks left behind do not end" in caplog.text


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_task_that_wants_to_end_the_program_does_not(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> str:
        tasks = [asyncio.get_running_loop().create_task(end_program()) for _ in range(3)]
        await asyncio.sleep(0.01)
        await asyncio.wait(tasks)
        return "done"

    assert run_main(main()) == "done"
    assert "tried to end the program" in caplog.text


STUCK = """
    import asyncio, threading, time
    from lapinq_core.runtime.main_loop import end_without_threads, run_main

    async def main():
        asyncio.get_running_loop().run_in_executor(None, time.sleep, 3600)
        threading.Thread(target=time.sleep, args=(3600,)).start()

    run_main(main())
    print("flushed", end="")
    end_without_threads(5)
"""
USUAL = """
    import atexit, sys
    from lapinq_core.runtime.main_loop import end_without_threads

    end_without_threads(5)
    atexit.register(print, "usual", end="")
    sys.exit(3)
"""


@pytest.mark.parametrize(
    ("program", "code", "said"), [(STUCK, 5, "flushed"), (USUAL, 3, "usual")], ids=["stuck", "usual"]
)
def test_threads_that_do_not_end_are_left_behind_and_without_any_the_program_ends_as_usual(
    program: str, code: int, said: str
) -> None:
    command = [sys.executable, "-c", textwrap.dedent(program)]
    ended = subprocess.run(command, timeout=20, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (code, said)
