"""Random mutants of the domain, the statements, the worker and the API's authentication: nine of ten are noticed."""

import pytest

from tests.mutation.excused import EXCUSED
from tests.mutation.sampling import Fate, check_collection, fate_of, sample

COUNT = 20


@pytest.mark.slow
def test_nine_of_ten_random_mutants_are_noticed(postgres_url: str, template_database: str) -> None:
    check_collection(postgres_url, template_database)
    missed = [
        mutant.key
        for mutant in sample(COUNT)
        if mutant.key not in EXCUSED and fate_of(mutant, postgres_url, template_database)[0] != Fate.KILLED
    ]
    assert len(missed) <= COUNT // 10, "\n".join(missed)
