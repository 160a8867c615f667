"""`scripts/recordings`: the sessions of a terminal in docs/images/terminal, as text and as pictures.

Each is typed into a real bash, on a new embedded database. Port 8001 must be free.
"""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from tests.support.programs.embedded import open_directory
from tests.support.programs.screen import Screen
from tests.support.programs.terminal import Terminal

COLUMNS = 120
ROWS = 60
_READY = "\x1b]0;ready"
"""bash sends it, as the title of the window, with each prompt."""
_PROMPT = r"\[\e]0;ready\a\]\[\e[1;32m\]$\[\e[0m\] "


_SHOP = """\
import random
import time

from lapinq import TaskQueue, current_task

mail, reports, videos, archive = (TaskQueue(queue_name=name) for name in ("mail", "reports", "videos", "archive"))


@mail.task(max_retries=3, retry_delay=2)
def send(address: str) -> None:
    time.sleep(random.expovariate(8))
    if random.random() < 0.03:
        raise ConnectionError("the mail server is busy")


@reports.task(max_retries=0)
def add_up(month: int) -> None:
    time.sleep(random.uniform(0.5, 2))
    if month % 9 == 0:
        raise ValueError(f"month {month} is not over yet")


@videos.task
def transcode(path: str) -> None:
    current_task().progress(random.randrange(100))
    time.sleep(600)


@archive.task
def keep(path: str) -> None: ...


if __name__ == "__main__":
    for number in range(4):
        transcode.queue(f"{number}.mp4")
    keep.queue("2025.tar")
    for _ in range(3):
        mail.batch_enqueue(send.entry(f"{number}@example.com") for number in range(1000))
    reports.batch_enqueue(add_up.entry(month) for month in range(200))
"""
"""What a shop does: much mail, some reports, a few videos, and an archive that no worker serves."""


class Shell:
    """A bash in a terminal of its own, in which commands are typed one after another."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        terminal.until(_READY)

    def wait_for(self, text: str, timeout: float = 60.0) -> None:
        """Until the command that goes on has shown it."""
        self._terminal.until(text, timeout)

    def watch(self, seconds: float) -> None:
        """Looks on for so long."""
        self._terminal.watch(seconds)

    def run(self, command: str, shows: str = _READY, timeout: float = 60.0) -> None:
        """Types a command and waits until it shows that, by default the next prompt."""
        self._terminal.type(f"{command}\n")
        self._terminal.until(shows, timeout)

    def interrupt(self) -> None:
        """Ctrl-C, to a command that goes on by itself."""
        self._terminal.type("\x03")
        self._terminal.until(_READY, timeout=30)

    @property
    def shown(self) -> str:
        """All so far, without a prompt that waits at the end."""
        output = self._terminal.output
        return output[: output.rindex(_READY)] if output.rstrip().endswith("$\x1b[0m") else output


@contextmanager
def shell(place: Path, cwd: Path | None = None, rows: int = ROWS) -> Generator[Shell]:
    """A shell whose commands share the embedded database in `place`."""
    env = {
        "PS1": _PROMPT,
        "LAPINQ_DATA_DIR": str(place / "data"),
        "HISTFILE": "",
        "LAPINQ_SHUTDOWN_GRACE": "1",
    }
    with Terminal(
        *("bash", "--norc", "--noprofile"), env=env, cwd=cwd or place, columns=COLUMNS, rows=rows
    ) as terminal:
        yield Shell(terminal)


@contextmanager
def serving(place: Path, project: Path, flags: str = "--scheduler --schedules tasks") -> Generator[Shell]:
    """A shell in which a server runs, with a worker."""
    with shell(place, project) as first:
        first.run(f"lapinq server --worker {flags}", "dashboard http")
        yield first
        first.interrupt()


def init() -> Screen:
    """From nothing to the result of the first task."""
    with open_directory() as place, shell(place) as first:
        first.run("lapinq init demo")
        first.run("cd demo")
        with serving(place, place / "demo") as server, shell(place, place / "demo") as other:
            other.run("python enqueue.py Ada")
            server.wait_for("completed")
            other.run("lapinq task list")
            return screen(first.shown, server.shown, "\r\n    in another terminal\r\n\r\n", other.shown)


def doctor() -> Screen:
    """A task and a schedule are there, but neither worker nor scheduler."""
    with open_directory() as place, shell(place) as first:
        first.run("lapinq db start && lapinq init demo && cd demo")
        with serving(place, place / "demo"):
            pass
        enqueue = "from tasks import greet; greet.queue('Ada')"
        first.run(f'LAPINQ_URL=$(lapinq db url) python -c "{enqueue}"')
        with shell(place, place / "demo") as other:
            other.run("lapinq doctor")
            return screen(other.shown)


def top() -> Screen:
    """A worker under load."""
    rows = 28
    # Nobody reads what the server logs meanwhile: more than a terminal buffers would block it.
    flags = "--log-level error --worker-pool threads --worker-concurrency 10"
    queues = "--queue mail --queue reports --queue videos"
    with open_directory() as place:
        (place / "shop.py").write_text(_SHOP)
        with serving(place, place, f"{flags} {queues}"), shell(place, rows=rows) as other:
            other.run("python shop.py && clear")
            other.run("lapinq top --minutes 1", "RUNNING TASK")
            other.watch(20)
            return screen(other.shown, rows=rows)


def screen(*outputs: str, rows: int = ROWS) -> Screen:
    found = Screen(COLUMNS, rows)
    for output in outputs:
        found.feed(output)
    return found


RECORDINGS: dict[str, Callable[[], Screen]] = {"init": init, "doctor": doctor, "top": top}


if __name__ == "__main__":
    folder, *names = sys.argv[1:]
    for name in names or RECORDINGS:
        seen = RECORDINGS[name]()
        (Path(folder) / f"{name}.txt").write_text(seen.text())
        (Path(folder) / f"{name}.svg").write_text(seen.svg(f"lapinq {name}"))
        print(seen.text())
