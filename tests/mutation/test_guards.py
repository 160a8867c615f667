"""Each guard, and each test that misses it, is where it is said to be: a rename is noticed at once."""

import pytest

from tests.chaos.test_mutations import NOTICED
from tests.mutation.guards import Guard, without
from tests.support.programs.processes import REPOSITORY


@pytest.mark.parametrize("guard", Guard)
def test_a_guard_and_the_tests_that_miss_it_are_there(guard: Guard) -> None:
    assert without(guard)
    for test in NOTICED[guard][0]:
        file, name = test.split("[", maxsplit=1)[0].split("::")
        assert f"def {name}(" in (REPOSITORY / file).read_text(encoding="utf-8")
