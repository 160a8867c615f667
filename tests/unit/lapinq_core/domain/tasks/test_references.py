"""References to the results of parents in arguments."""

from typing import Any

import msgspec
import pytest

from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.tasks.references import ParentOutcome, references_in, refs_in, resolve_json

OUTCOMES = {
    "a": ParentOutcome("completed", msgspec.Raw(b'{"rows":[1,2]}')),
    "b": ParentOutcome("failed", error="ValueError: no"),
}
A: Any = {"rows": [1, 2]}
A_OUTCOME = {"status": "completed", "result": A, "error": None}
B_OUTCOME = {"status": "failed", "result": None, "error": "ValueError: no"}
GONE = {"status": "deleted", "result": None, "error": None}


CASES: list[tuple[Any, set[str], Any]] = [
    ({"$result": "a"}, {"a"}, A),
    ({"$result": "b"}, {"b"}, None),
    ({"$outcome": "a"}, {"a"}, A_OUTCOME),
    ({"$outcome": "b"}, {"b"}, B_OUTCOME),
    ({"$outcome": "c"}, {"c"}, GONE),
    ([1, [{"$result": "a"}], {"x": {"$result": "c"}}], {"a", "c"}, [1, [A], {"x": None}]),
    ([{"$result": "a"}, {"$result": "a"}], {"a"}, [A, A]),
    ({"$result": "a", "more": {"$outcome": "b"}}, {"b"}, {"$result": "a", "more": B_OUTCOME}),
    ({"$results": "a"}, set(), {"$results": "a"}),
    ("$result", set(), "$result"),
    ([10**30, 1e300, "ä", None, True, {}], set(), [10**30, 1e300, "ä", None, True, {}]),
]


@pytest.mark.parametrize(("value", "refs", "resolved"), CASES)
def test_a_reference_stands_for_the_parents_result_or_outcome(
    value: Any, refs: set[str], resolved: Any
) -> None:
    text = msgspec.json.encode(value)
    assert refs_in(value) == set(references_in(text)) == refs
    assert msgspec.json.decode(resolve_json(text, OUTCOMES)) == resolved
    assert msgspec.json.encode(value) == text  # it is left as it was


@pytest.mark.parametrize("value", [{"$result": 1}, [{"$outcome": {"$result": "a"}}]])
def test_a_reference_names_a_string(value: Any) -> None:
    with pytest.raises(InvalidValue, match=r"must be the ref of a task, a string"):
        refs_in(value)


def test_what_a_result_looks_like_is_not_resolved() -> None:
    outcomes = {"a": ParentOutcome("completed", msgspec.Raw(b'{"$result":"b"}')), "b": OUTCOMES["a"]}
    assert resolve_json(b'[{"$result":"a"}]', outcomes) == b'[{"$result":"b"}]'


def test_a_ref_counts_as_often_as_it_is_named() -> None:
    assert references_in(b'[{"$result":"a"},{"$outcome":"a"}]', b'{"x":{"$result":"a"}}') == ["a", "a", "a"]


def test_depth_is_no_matter() -> None:
    value: Any = {"$result": "a"}
    for n in range(5000):
        value = [value] if n % 2 else {"x": value}
    assert refs_in(value) == {"a"}
