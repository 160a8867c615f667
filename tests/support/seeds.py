"""The seeds of tests that try random histories."""

import os
from collections.abc import Container

import pytest

_GIVEN = os.environ.get("LAPINQ_TEST_SEEDS")


def seeds(every: range, quick: Container[int]) -> list[object]:
    """Parameters for a test that tries one seed: the `quick` ones, and the others with the slow tests.

    A failing seed is tried again by `LAPINQ_TEST_SEEDS=FROM:TO`.
    """
    if _GIVEN is not None:
        return list(range(*map(int, _GIVEN.split(":"))))
    return [pytest.param(one, marks=() if one in quick else pytest.mark.slow) for one in every]
