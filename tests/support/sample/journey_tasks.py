"""A durable task of twenty steps, sleeps and signals whose worker dies between every two of them, and in every wait.

Each step writes a line when it begins: its name, and whether it is stored already, as it finds on a connection of its
own.
"""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psycopg

import lapinq
from lapinq import current_task

STEPS = 20
_LOOKS = 600


def journey(directory: str, database: str, kills: list[str]) -> list[Any]:
    """In plain code. `kills` names the places where its worker dies, once at each."""
    task, place = current_task(), _Place(directory, database, kills)
    seen: list[Any] = []
    for number in range(STEPS):
        seen.append(task.step(f"step {number}", place.step, f"step {number}"))
        place.die(f"after step {number}")
        match number:
            case 3:
                place.wait("sleep", lambda: task.sleep(0.3))
            case 7:
                seen.append(place.wait("early", lambda: task.wait_for_signal("early")))
            case 11:
                seen.append(place.wait("during", lambda: task.wait_for_any("during", "never").value))
            case 15:
                seen.append(place.timed_out("late", lambda: task.wait_for_signal("late", timeout=0.5)))
                seen.append(place.wait("after", lambda: task.wait_for_signal("late")))
            case _:
                pass
    return seen


async def ajourney(directory: str, database: str, kills: list[str]) -> list[Any]:
    """As a coroutine, with two steps at a time, and a step beside each wait."""
    task, place = current_task(), _Place(directory, database, kills)
    seen: list[Any] = []

    def step(number: int) -> Any:
        return task.step(f"step {number}", place.astep, f"step {number}")

    async def waited(name: str, wait: Any) -> Any:
        try:
            return await wait
        except lapinq.WaitTimeout:
            return "timed out"
        except BaseException:
            place.die(f"in {name}")
            raise

    for number in range(0, STEPS, 2):
        match number:
            case 4:
                beside: Any = waited("sleep", task.sleep(0.3))
            case 8:
                beside = waited("early", task.wait_for_signal("early"))
            case 12:
                beside = waited("during", task.wait_for_signal("during"))
            case 16:
                beside = waited("late", task.wait_for_signal("late", timeout=0.5))
            case 18:
                beside = waited("after", task.wait_for_signal("late"))
            case _:
                beside = asyncio.sleep(0)
        together: list[Awaitable[Any]] = [step(number), step(number + 1), beside]
        seen += filter(_is_text, await asyncio.gather(*together))
        place.die(f"after step {number + 1}")
    return seen


def _is_text(found: object) -> bool:
    return isinstance(found, str)


class _Place:
    def __init__(self, directory: str, database: str, kills: list[str]) -> None:
        self._directory = Path(directory)
        self._database = database
        self._kills = kills

    def step(self, name: str) -> str:
        self._begin(name)
        self.die(f"in {name}")
        return name

    async def astep(self, name: str) -> str:
        await asyncio.to_thread(self._begin, name)
        self.die(f"in {name}")
        return name

    def wait(self, name: str, wait: Callable[[], Any]) -> Any:
        try:
            return wait()
        except BaseException:
            self.die(f"in {name}")
            raise

    def timed_out(self, name: str, wait: Callable[[], Any]) -> str:
        try:
            return f"it came: {self.wait(name, wait)}"
        except lapinq.WaitTimeout:
            return "timed out"

    def die(self, where: str) -> None:
        """The worker does, the first time, and with it the child process in which this runs."""
        if where not in self._kills:
            return
        try:
            (self._directory / f"killed {where}").touch(exist_ok=False)
        except FileExistsError:
            return
        worker = int((self._directory / "worker").read_text())
        os.kill(worker, signal.SIGKILL)
        if worker != os.getpid():
            os.kill(os.getpid(), signal.SIGKILL)

    def _begin(self, name: str) -> None:
        is_stored = self._is_stored(name)
        with (self._directory / "journal").open("ab", buffering=0) as file:
            file.write(f"{name}, {'stored' if is_stored else 'not stored'}\n".encode())

    def _is_stored(self, name: str) -> bool:
        look = "SELECT EXISTS (SELECT FROM lapinq_steps WHERE task_id = %s AND name = %s)"
        for _ in range(_LOOKS):
            try:
                with psycopg.connect(self._database) as conn:
                    [(is_stored,)] = conn.execute(look, (current_task().id, name)).fetchall()
            except psycopg.OperationalError:
                time.sleep(0.05)  # the database is down at the moment
            else:
                return is_stored
        raise TimeoutError
