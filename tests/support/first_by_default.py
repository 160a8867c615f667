"""Parameters of a long test of which one says enough by default."""

from collections.abc import Sequence

import pytest
from _pytest.mark import ParameterSet


def first_by_default(values: Sequence[object]) -> list[ParameterSet]:
    """All `values`, but for the first one marked `slow`."""
    first, *others = [value if isinstance(value, ParameterSet) else pytest.param(value) for value in values]
    return [first, *(other._replace(marks=[*other.marks, pytest.mark.slow]) for other in others)]
