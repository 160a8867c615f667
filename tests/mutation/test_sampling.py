"""A change reaches the tests, in whatever package it is: also in that of our plugin for pytest."""

from pathlib import Path

import pytest

from tests.mutation.operators import mutants_of
from tests.mutation.sampling import Fate, fate_by
from tests.support.programs.processes import REPOSITORY


@pytest.mark.parametrize(
    ("file", "condition", "test"),
    [
        (
            "lapinq/testing/clock.py",
            "not _travellers",
            "tests/unit/lapinq/testing/test_inline.py::test_travelling_takes_an_active_context",
        ),
        (
            "lapinq_core/domain/interval.py",
            "not text or not found",
            "tests/unit/lapinq_core/domain/test_interval.py::test_what_is_no_interval_is_refused",
        ),
    ],
)
def test_a_condition_that_never_holds_is_noticed(file: str, condition: str, test: str) -> None:
    path = Path(file)
    [mutant] = [
        each
        for each in mutants_of(path, (REPOSITORY / path).read_text(encoding="utf-8"))
        if (each.before, each.after) == (condition, "(False)")
    ]
    fate, noticed_by = fate_by([test], mutant, "no server", "no template")
    assert fate is Fate.KILLED
    assert noticed_by.startswith(test)
