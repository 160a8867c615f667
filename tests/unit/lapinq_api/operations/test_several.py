"""Several values in one parameter: the schema in OpenAPI describes exactly what is read."""

import re

import pytest

from lapinq_api.operations.filters.several import MAX_VALUES, schema_of_texts, schema_of_words
from lapinq_api.operations.filters.task import FILTERS
from lapinq_api.operations.filters.task_values import MAX_TEXT, read_keys, read_states, read_texts
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.tasks.key import MAX_KEY
from lapinq_core.domain.tasks.shown_state import ShownState

LONGEST = "x" * MAX_TEXT
TEXTS = [
    *("a", "a,b", '"a,b",c', r'"a\"b\\",c', "a b", 'a"b', " ", "\n", '"\n"', "é🐇", LONGEST, f"{LONGEST},{LONGEST}"),
    *(f'"{LONGEST}"', '"' + r"\"" * MAX_TEXT + '"', ",".join("a" * MAX_VALUES)),
]  # fmt: skip
NO_TEXTS = [
    *("", ",", "a,", ",a", "a,,b", '"', '"a', '"a"b', '""', 'a,"', '"a\\"', "\0", "a,\0", '"\0"', '"\\\0"'),
    *(LONGEST + "x", f'a,"{LONGEST}x"', ",".join("a" * (MAX_VALUES + 1))),
]  # fmt: skip
STATES = ["ready", "ready,failed", ",".join(ShownState)]
NO_STATES = [
    "",
    "0",
    "ready,",
    ",ready",
    "ready,pending",
    "ready failed",
    ",".join(["ready"] * (MAX_VALUES + 1)),
]


def described(schema: dict[str, str], text: str) -> bool:
    return re.search(schema["pattern"], text) is not None


def test_the_schema_of_texts_is_what_is_read() -> None:
    schema = schema_of_texts(MAX_TEXT)
    for text in TEXTS:
        assert described(schema, text), text
        assert read_texts("not_errors", {"not_errors": text})
    for text in NO_TEXTS:
        assert not described(schema, text), text
        with pytest.raises(InvalidValue, match="not_errors"):
            read_texts("not_errors", {"not_errors": text})


def test_the_schema_of_keys_is_what_is_read() -> None:
    [schema] = [one.schema for one in FILTERS if one.name == "not_keys"]
    for text in ("a", "a*,b", '"a,b"', r'"a\"b"', "é🐇\xa0", "x" * MAX_KEY):
        assert described(schema, text), text
        assert read_keys("not_keys", {"not_keys": text})
    for text in ("", "a,", "a\x1f", '"a\x7f"', '"\\\x9f"', "\0", "x" * (MAX_KEY + 1)):
        assert not described(schema, text), text
        with pytest.raises(InvalidValue, match="not_keys"):
            read_keys("not_keys", {"not_keys": text})


def test_the_schema_of_words_is_what_is_read() -> None:
    schema = schema_of_words(ShownState)
    for text in STATES:
        assert described(schema, text), text
        assert read_states("state", text)
    for text in NO_STATES:
        assert not described(schema, text), text
        with pytest.raises(InvalidValue, match="state"):
            read_states("state", text)
