"""What a run of the images found: a line a check, printed as it goes, and kept as a page where asked for."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

_HEAD = """\
# A recorded run of the images

Written by `./scripts/image --record {path}`, which builds [the images](containers.md),
runs them with podman and looks at what they do. Times are those of the machine it ran on.

```text
"""


class Transcript:
    """`failed` holds the facts that did not hold."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self.failed: list[str] = []

    def part(self, title: str) -> None:
        """Begins a part of the run."""
        self._write(("\n" if self._lines else "") + title)

    def note(self, text: str) -> None:
        """What was seen, and nothing is held against."""
        self._write(f"      {text}")

    def check(self, fact: str, seen: object, *, holds: bool) -> bool:
        """Writes down whether it holds, and what was seen; says it again."""
        self._write(f"{'ok  ' if holds else 'FAIL'}  {fact}{f': {seen}' if seen != '' else ''}")
        if not holds:
            self.failed.append(fact)
        return holds

    @contextmanager
    def timed(self, fact: str) -> Generator[None]:
        """A check that the block comes through, with the time it took. Its error is written down and goes on."""
        started = time.monotonic()
        try:
            yield
        except BaseException as error:
            self.check(fact, f"{type(error).__name__}: {error}", holds=False)
            raise
        self.check(fact, f"{time.monotonic() - started:.1f} s", holds=True)

    def save(self, path: Path) -> None:
        """Makes a page of it."""
        text = "\n".join(line.rstrip() for line in self._lines)
        path.write_text(_HEAD.format(path=path) + text + "\n```\n")

    def _write(self, line: str) -> None:
        print(line, flush=True)
        self._lines.append(line)
