"""JSON as a tree of plain markup: what it keeps, what it folds, and what it leaves to others."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lapinq_api.dashboard.parts import json_tree

_TAG = re.compile(r"<(/?)(\w+)")


def drawn(value: object) -> str:
    tree = json_tree.draw(json.dumps(value))
    assert tree is not None
    return tree


def test_values_are_shown_as_they_are_written_and_escaped() -> None:
    tree = json_tree.draw('{"big": 265252859812191058636308480000000, "small": 1.50, "<b>": null}')
    assert tree is not None
    for piece in (">265252859812191058636308480000000<", ">1.50<", ">null<", ">&#34;big&#34;<", ">{3}<"):
        assert piece in tree
    assert "<b>" not in tree


def test_the_entries_of_a_list_may_have_names() -> None:
    tree = json_tree.draw('["ada", [1], true]', ["to", "sizes"])
    assert tree is not None
    keys = ["to", "sizes", "0", "2"]
    assert re.findall(r'class="key">(\w+)<', tree) == keys
    assert json_tree.draw("[]", ["to"]) is not None


def test_what_is_long_is_folded_and_what_is_deep_is_drawn() -> None:
    tree = drawn(list(range(200)))
    assert tree.count('class="more"') == 2  # 50, then 100, then the rest
    assert "+ 150" in tree
    assert "+ 50" in tree
    assert tree.count("<li>") == 1 + 200 + 2
    assert '<details class="long">' in drawn("x" * 1000)
    deep = json_tree.draw("[" * 100 + "1" + "]" * 100)
    assert deep is not None
    assert deep.count("<details") == 100


@pytest.mark.parametrize(
    "text",
    ["[" * 200 + "]" * 200, "[" * 4000, "{", "", f'"{"x" * json_tree.MAX_CHARACTERS}"', "\x00"],
    ids=["deep", "endless", "broken", "empty", "large", "nul"],
)
def test_what_can_not_be_drawn_is_left_to_the_text(text: str) -> None:
    assert json_tree.draw(text) is None


_value = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=400),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=5),
    max_leaves=30,
)


@given(_value)
def test_the_markup_of_any_value_is_balanced(value: object) -> None:
    tree = json_tree.draw(json.dumps(value))
    if tree is None:
        return
    waiting: list[str] = []
    for closes, name in _TAG.findall(tree):
        if closes:
            assert waiting.pop() == name
        else:
            waiting.append(name)
    assert waiting == []
