"""A sample of random mutants, and what became of each."""

import hashlib
import re
import subprocess
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.mutation.applying import run_tests
from tests.mutation.covering import tests_of
from tests.mutation.operators import Mutant, mutants_of
from tests.support.programs.processes import REPOSITORY

SEED = "lapinq"
MAX_SECONDS = 240.0
AREAS = {
    "domain": ("lapinq_core/domain/**/*.py",),
    "statements": tuple(
        f"lapinq_core/{room}/sql/*.sql"
        for room in ("tasks", "upkeep", "schedules", "people", "fleet", "webhooks")
    ),
    "worker": ("services/lapinq_worker/**/*.py",),
    "auth": ("services/lapinq_api/auth/*.py", "services/lapinq_api/credentials/*.py"),
}


class Fate(StrEnum):
    """What became of a mutant."""

    KILLED = "killed"
    SURVIVED = "survived"
    UNKNOWN = "not known in time"


def sample(count: int, seed: str = SEED) -> list[Mutant]:
    """`count` mutants, as many of each area, those of one mixed with the others'.

    Each place has a random number of its own, so that a change elsewhere leaves most of a sample as it was.
    """

    def number(mutant: Mutant) -> str:
        return hashlib.sha256(f"{seed} {mutant.key}".encode()).hexdigest()

    of_areas = [sorted(_mutants(patterns), key=number) for patterns in AREAS.values()]
    mixed = [mutant for some in zip(*of_areas, strict=False) for mutant in some]
    return mixed[:count]


def fate_of(mutant: Mutant, server: str, template: str) -> tuple[Fate, str]:
    """Runs the tests that are to notice it, up to the first that does; that one is answered too."""
    with TemporaryDirectory(prefix="lapinq-mutant-") as folder:
        try:
            code, output = run_tests(
                {mutant.path: mutant.text},
                ["-x", *tests_of(mutant.path)],
                Path(folder),
                server,
                template,
                MAX_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return Fate.UNKNOWN, ""
    if code == pytest.ExitCode.OK:
        return Fate.SURVIVED, ""
    # One that can't be imported ends the collection.
    assert code in {pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED}, output
    noticed = re.search(r"^(?:FAILED|ERROR) (\S+)", output, re.MULTILINE)
    return Fate.KILLED, noticed[1] if noticed else ""


def check_collection(server: str, template: str) -> None:
    """Without a change all tests must be found: what can't be imported would kill every mutant."""
    with TemporaryDirectory(prefix="lapinq-mutant-") as folder:
        options = ["--collect-only", "-q", "tests/unit", "tests/integration"]
        code, output = run_tests({}, options, Path(folder), server, template, MAX_SECONDS)
    assert code == pytest.ExitCode.OK, output


def _mutants(patterns: tuple[str, ...]) -> Iterator[Mutant]:
    for pattern in patterns:
        for path in sorted(REPOSITORY.glob(pattern)):
            yield from mutants_of(path.relative_to(REPOSITORY), path.read_text(encoding="utf-8"))
