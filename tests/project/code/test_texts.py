"""The catalogues of the dashboard: whatever pages and scripts say is there, in every language, and nothing else is."""

import re
import string
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from lapinq_api.dashboard.page.texts import DEFAULT, LOCALES, texts_in
from tests.support.pages.template_texts import (
    SCRIPTS,
    SERVICE,
    TEMPLATES,
    asked_by,
    literals_of,
    matching,
    patterns_of_script,
    said_by_script,
    words_of,
)

MODULES = sorted((SERVICE / "dashboard").rglob("*.py"))
KEYS = texts_in(DEFAULT).keys()
OF_SCRIPTS = set(texts_in(DEFAULT).of_scripts)
ENGLISH_PAGES = {"docs.html"}
"""What the API says of itself, which is English."""
NAMES = {"lapinq"}
"""What is called the same everywhere."""
CODE = {
    "audit.html": {"queue", "pause"},
    "decision-form.html": {"name", "required", "aria", "describedby", "invalid", "true"},
    "tasks-table.html": {"cancel", "requeue", "run", "delete"},
}
"""What is no text: an example of an action, the names of actions, read by a script, and attributes."""
CHOICES = {"task.*": {"task.args", "task.kwargs", "task.result", "task.metadata"}}
"""What is put together to one of a few, where the pattern alone would take in a whole section."""


def name_of(path: Path) -> str:
    return path.name


@cache
def catalogue(locale: str) -> dict[str, str | dict[str, str]]:
    found: dict[str, str | dict[str, str]] = {}

    def walk(tree: dict[str, Any], prefix: str) -> None:
        for name, value in tree.items():
            if isinstance(value, dict) and set(value) != {"one", "other"}:  # pyright: ignore[reportUnknownArgumentType]
                walk(value, f"{prefix}{name}.")  # pyright: ignore[reportUnknownArgumentType]
            else:
                found[prefix + name] = value

    for path in sorted((SERVICE / "texts" / locale).glob("*.toml")):
        walk(tomllib.loads(path.read_text(encoding="utf-8")), "")
    return found


def forms(text: str | dict[str, str]) -> list[str]:
    return [text] if isinstance(text, str) else [text["one"], text["other"]]


def places(text: str | dict[str, str]) -> set[str]:
    """What is to be filled in, in any of the forms."""
    return {
        name for form in forms(text) for _, name, _, _ in string.Formatter().parse(form) if name is not None
    }


def meant(pattern: str) -> set[str]:
    return CHOICES.get(pattern) or matching(pattern, KEYS)


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_every_text_of_a_template_is_there_and_gets_what_it_takes(path: Path) -> None:
    english = catalogue(DEFAULT)
    for asked in asked_by(path):
        assert asked.keys <= KEYS
        assert asked.pattern is None or set() < meant(asked.pattern) <= KEYS, asked.pattern
        for key in asked.keys:
            text = english[key]
            chosen_by = set[str]() if isinstance(text, str) else {"n"}
            assert places(text) | chosen_by <= asked.values, key
    assert path.name in ENGLISH_PAGES or words_of(path) - NAMES - CODE.get(path.name, set()) == set()


@pytest.mark.parametrize("path", SCRIPTS, ids=name_of)
def test_every_text_of_a_script_is_there(path: Path) -> None:
    assert said_by_script(path) <= OF_SCRIPTS
    for pattern in patterns_of_script(path):
        assert matching(pattern, OF_SCRIPTS), pattern


def test_no_text_is_left_over() -> None:
    said = {word for path in (*TEMPLATES, *MODULES) for word in literals_of(path)}
    for path in TEMPLATES:
        for asked in asked_by(path):
            said |= meant(asked.pattern) if asked.pattern else asked.keys
    by_scripts = {word for path in (*SCRIPTS, *TEMPLATES) for word in literals_of(path)}
    for path in SCRIPTS:
        for pattern in patterns_of_script(path):
            by_scripts |= matching(pattern, OF_SCRIPTS)
    assert sorted(KEYS - said - {f"script.{word}" for word in by_scripts}) == []


@pytest.mark.parametrize("locale", LOCALES)
def test_all_languages_say_the_same_in_plain_texts(locale: str) -> None:
    typed = re.compile(r"\blapinq (?:worker|scheduler|server)(?: --\w+)?|\bLAPINQ_\w+|\b[a-z]+_[a-z_]+\b")

    def commands(text: str | dict[str, str]) -> list[set[str]]:
        """What is typed in each form, the same in every language."""
        return [set(typed.findall(re.sub(r"\{\w+\}", "", form))) for form in forms(text)]

    english, other = catalogue(DEFAULT), catalogue(locale)
    assert other.keys() == english.keys()
    for key, text in english.items():
        assert type(other[key]) is type(text), key
        assert places(other[key]) == places(text), key
        assert commands(other[key]) == commands(text), key
        # They stand in attributes too: what is markup is filled in.
        for form in forms(other[key]):
            assert form == form.strip() != "", key
            assert not re.search(r"[<>]|&#?\w+;", form), key
    files = [{path.name for path in (SERVICE / "texts" / each).iterdir()} for each in (locale, DEFAULT)]
    assert files[0] == files[1]


def test_the_second_language_is_no_copy_of_the_first() -> None:
    english, spanish = catalogue("en"), catalogue("es")
    same = [
        key
        for key, text in english.items()
        if isinstance(text, str) and re.search("[a-z]{2} ", text) and spanish[key] == text
    ]
    assert same == []
