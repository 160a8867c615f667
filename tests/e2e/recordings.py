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


class Shell:
    """A bash in a terminal of its own, in which commands are typed one after another."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        terminal.until(_READY)

    def wait_for(self, text: str, timeout: float = 60.0) -> None:
        """Until the command that goes on has shown it."""
        self._terminal.until(text, timeout)

    def run(self, command: str, shows: str = _READY, timeout: float = 60.0) -> None:
        """Types a command and waits until it shows that, by default the next prompt."""
        self._terminal.type(f"{command}\n")
        self._terminal.until(shows, timeout)

    def interrupt(self) -> None:
        """Ctrl-C, to a command that goes on by itself."""
        self._terminal.type("\x03")
        self._terminal.until(_READY)

    @property
    def shown(self) -> str:
        """All so far, without a prompt that waits at the end."""
        output = self._terminal.output
        return output[: output.rindex(_READY)] if output.rstrip().endswith("$\x1b[0m") else output


@contextmanager
def shell(place: Path, cwd: Path | None = None, rows: int = ROWS) -> Generator[Shell]:
    """A shell whose commands share the embedded database in `place`."""
    env = {"PS1": _PROMPT, "LAPINQ_DATA_DIR": str(place / "data"), "HISTFILE": ""}
    with Terminal(
        *("bash", "--norc", "--noprofile"), env=env, cwd=cwd or place, columns=COLUMNS, rows=rows
    ) as terminal:
        yield Shell(terminal)


@contextmanager
def serving(place: Path, project: Path) -> Generator[Shell]:
    """A shell in which a server runs, with a worker and a scheduler."""
    with shell(place, project) as first:
        first.run("lapinq server --worker --scheduler --schedules tasks", "dashboard http")
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


def screen(*outputs: str, rows: int = ROWS) -> Screen:
    found = Screen(COLUMNS, rows)
    for output in outputs:
        found.feed(output)
    return found


RECORDINGS: dict[str, Callable[[], Screen]] = {"init": init, "doctor": doctor}


if __name__ == "__main__":
    folder, *names = sys.argv[1:]
    for name in names or RECORDINGS:
        seen = RECORDINGS[name]()
        (Path(folder) / f"{name}.txt").write_text(seen.text())
        (Path(folder) / f"{name}.svg").write_text(seen.svg(f"lapinq {name}"))
        print(seen.text())
