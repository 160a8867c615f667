"""A program ends in bounded time and with its own result, whatever user code left on the loop or in threads."""

import asyncio
import subprocess
import sys
import textwrap
import time

import pytest

from lapinq_core.runtime import main_loop
from lapinq_core.runtime.main_loop import run_main


async def stubborn() -> None:
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            continue


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


def test_what_is_left_on_the_loop_is_cancelled() -> None:
    ended = list[str]()

    async def left() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("left")

    async def main() -> None:
        asyncio.get_running_loop().create_task(left())
        await asyncio.sleep(0)

    run_main(main())
    assert ended == ["left"]


def test_a_coroutine_that_does_not_end_is_left_behind(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(main_loop, "END_SECONDS", 0.1)

    async def main() -> str:
        asyncio.get_running_loop().create_task(stubborn())
        await asyncio.sleep(0)
        return "done"

    started = time.monotonic()
    assert run_main(main()) == "done"
    assert time.monotonic() - started < 5
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


def test_the_main_coroutine_itself_may_end_the_program() -> None:
    with pytest.raises(SystemExit):
        run_main(end_program())


STUCK = """
    import asyncio, threading, time
    from lapinq_core.runtime.main_loop import end_without_threads, run_main

    async def main():
        asyncio.get_running_loop().run_in_executor(None, time.sleep, 3600)
        threading.Thread(target=time.sleep, args=(3600,)).start()

    run_main(main())
    print("flushed", end="")
    end_without_threads({code})
"""


@pytest.mark.parametrize("code", [0, 5])
def test_threads_that_do_not_end_are_left_behind(code: int) -> None:
    program = textwrap.dedent(STUCK.format(code=code))
    ended = subprocess.run(
        [sys.executable, "-c", program], timeout=20, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (code, "flushed")


USUAL = """
    import atexit
    from lapinq_core.runtime.main_loop import end_without_threads

    end_without_threads(5)
    atexit.register(print, "usual")
"""


def test_without_such_threads_the_program_ends_as_usual() -> None:
    program = textwrap.dedent(USUAL)
    ended = subprocess.run(
        [sys.executable, "-c", program], timeout=20, capture_output=True, text=True, check=True
    )
    assert ended.stdout == "usual\n"
