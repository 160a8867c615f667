"""A sample of random mutants, and what became of each."""

import hashlib
import re
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.mutation.applying import run_tests
from tests.mutation.covering import tests_of
from tests.mutation.operators import Mutant, mutants_of
from tests.support.database.statements import texts_of
from tests.support.programs.processes import REPOSITORY

SEED = "lapinq"
MAX_SECONDS = 240.0
PRODUCT = ("lapinq", "lapinq_core", "services")


class Fate(StrEnum):
    """What became of a mutant."""

    KILLED = "killed"
    SURVIVED = "survived"
    UNKNOWN = "not known in time"


def sample(count: int, seed: str = SEED) -> list[Mutant]:
    """`count` mutants, as many of each room, those of one mixed with the others'.

    Each place has a random number of its own, so that a change elsewhere leaves most of a sample as it was.
    """

    def number(mutant: Mutant) -> str:
        return hashlib.sha256(f"{seed} {mutant.key}".encode()).hexdigest()

    rooms = defaultdict[str, list[Mutant]](list)
    for mutant in mutants():
        rooms[_room(mutant.path)].append(mutant)
    turns = [
        (turn, number(mutant), mutant)
        for room in rooms.values()
        for turn, mutant in enumerate(sorted(room, key=number))
    ]
    return [mutant for *_, mutant in sorted(turns)[:count]]


def mutants() -> list[Mutant]:
    """All whose key names one place."""
    found = list(_mutants())
    times = Counter(mutant.key for mutant in found)
    return [mutant for mutant in found if times[mutant.key] == 1]


def fate_of(mutant: Mutant, server: str, template: str) -> tuple[Fate, str]:
    """Runs the tests that run its line; the first that notices it is answered too."""
    tests = tests_of(mutant.path, mutant.line)
    return fate_by(tests, mutant, server, template) if tests else (Fate.SURVIVED, "no test runs it")


def fate_by(tests: Sequence[str], mutant: Mutant, server: str, template: str) -> tuple[Fate, str]:
    """Runs `tests` up to the first that notices `mutant`, which is answered too."""
    with TemporaryDirectory(prefix="lapinq-mutant-") as folder:
        chosen = Path(folder, "tests.txt")
        chosen.write_text("\n".join(tests), encoding="utf-8")
        # pytest would read the files of a package that has a plugin of pytest, as `lapinq` has, to rewrite asserts.
        arguments = ["-x", "--assert=plain", f"@{chosen}"]
        try:
            code, output = run_tests(
                {mutant.path: mutant.text}, arguments, Path(folder), server, template, MAX_SECONDS
            )
        except subprocess.TimeoutExpired:
            return Fate.UNKNOWN, ""
    if code == pytest.ExitCode.OK:
        return Fate.SURVIVED, f"by {len(tests)} tests"
    # One that can't be imported ends the collection, and the tests named in it are then a mistake of the command.
    noticing = {pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED}
    assert code in noticing or "ERROR collecting" in output, output
    noticed = re.search(r"^(?:FAILED|ERROR) (\S+)", output, re.MULTILINE)
    return Fate.KILLED, noticed[1] if noticed else ""


def check_collection(server: str, template: str) -> None:
    """Without a change all tests must be found: what can't be imported would kill every mutant."""
    with TemporaryDirectory(prefix="lapinq-mutant-") as folder:
        options = ["--collect-only", "-q", "tests/unit", "tests/integration"]
        code, output = run_tests({}, options, Path(folder), server, template, MAX_SECONDS)
    assert code == pytest.ExitCode.OK, output


def _mutants() -> Iterator[Mutant]:
    for top in PRODUCT:
        for file in sorted((REPOSITORY / top).rglob("*")):
            if file.suffix in {".py", ".sql"}:
                for path, text in texts_of(file).items():
                    yield from mutants_of(path.relative_to(REPOSITORY), text)


def _room(path: Path) -> str:
    """The folder below lapinq_core, a service or the client that `path` is in."""
    depth = 3 if path.parts[0] == "services" else 2
    return "/".join(path.parts[: min(depth, len(path.parts) - 1)])
