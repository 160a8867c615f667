"""The catalogues of the dashboard: whatever pages and scripts say is there, in every language, and nothing else is."""

import re
import string
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lapinq_api.dashboard.texts import DEFAULT, LOCALES, texts_in

ROOT = Path(__file__).parents[2] / "services/lapinq_api"
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
SCRIPTS = sorted((ROOT / "static").glob("*.js"))
MODULES = sorted((ROOT / "dashboard").rglob("*.py"))
ENGLISH_PAGES = {"docs.html"}
"""What the API says of itself, which is English."""
SAME_EVERYWHERE = {
    "lapinq", "curl", "p50", "p95", "p99", "import", "queue", "task", "def", "return", "from", "add", "worker",
    "concurrency", "json", "args", "kwargs", "python", "http", "https",
}  # fmt: skip
NO_TEXT = {"tasks-table.html": {"cancel", "requeue", "run", "delete"}}
"""What a macro gives back for an attribute that a script reads."""

_NO_WORDS = (
    r"\{#.*?#\}",
    r"<pre.*?</pre>",
    r"\{%.*?%\}",
    r"\{\{.*?\}\}",
    r"<code>.*?</code>",
    r"<[^>]*>",
    r"&\w+;",
)
_LITERAL = re.compile(r"""\bt(?:\.html|\.has)?\(\s*(["'])([\w.-]+)\1""")
_CHOSEN = re.compile(r"""["']([\w.-]+)["'] if .{1,80}? else ["']([\w.-]+)["']""")
_BUILT = re.compile(r"""["']([\w.]+[._])["']\s*~""")
_ENDS = re.compile(r"""~\s*["'](\.\w+)["']""")
_OF_A_TEMPLATE_LITERAL = re.compile(r"`(\w*)\$\{\w+\}(\w*)`")
_OF_A_SCRIPT = re.compile(r"""\b(?:text|say)\(\s*(?:[\w.]+ \? )?["'](\w+)["'](?: : ["'](\w+)["'])?""")


def catalogue(locale: str) -> dict[str, str | dict[str, str]]:
    found: dict[str, str | dict[str, str]] = {}

    def walk(tree: dict[str, Any], prefix: str) -> None:
        for name, value in tree.items():
            if isinstance(value, dict) and set(value) != {"one", "other"}:  # pyright: ignore[reportUnknownArgumentType]
                walk(value, f"{prefix}{name}.")  # pyright: ignore[reportUnknownArgumentType]
            else:
                found[prefix + name] = value

    walk(tomllib.loads((ROOT / f"texts/{locale}.toml").read_text(encoding="utf-8")), "")
    return found


def places(text: str | dict[str, str]) -> list[set[str]]:
    forms = [text] if isinstance(text, str) else [text["one"], text["other"]]
    return [{name for _, name, _, _ in string.Formatter().parse(form) if name} for form in forms]


def keys_in_templates() -> Iterator[tuple[str, str]]:
    for path in TEMPLATES:
        for _, key in _LITERAL.findall(path.read_text()):
            if not key.endswith((".", "_")):
                yield path.name, key


def prefixes() -> set[str]:
    """Beginnings of keys that templates put together."""
    return {prefix for path in TEMPLATES for prefix in _BUILT.findall(path.read_text())}


def test_every_text_of_a_template_is_there() -> None:
    texts = texts_in(DEFAULT)
    assert [found for found in keys_in_templates() if not texts.has(found[1])] == []
    for prefix in prefixes():
        assert any(key.startswith(prefix) for key in texts.keys()), prefix  # noqa: SIM118  # of no mapping


def test_every_text_of_a_script_is_there() -> None:
    texts = texts_in(DEFAULT).of_scripts
    for path in SCRIPTS:
        for pair in _OF_A_SCRIPT.findall(path.read_text()):
            assert {key for key in pair if key} <= texts.keys(), path.name


def test_no_text_is_left_over() -> None:
    everything = "\n".join(path.read_text() for path in (*TEMPLATES, *SCRIPTS, *MODULES))
    built = prefixes()
    shapes = [
        pair for path in SCRIPTS for pair in _OF_A_TEMPLATE_LITERAL.findall(path.read_text()) if any(pair)
    ]
    unused = [
        key
        for key in catalogue(DEFAULT)
        if not any(key.startswith(prefix) for prefix in built)
        and not any(key.endswith(suffix) for suffix in _ENDS.findall(everything))
        and not any(key.startswith(f"script.{begin}") and key.endswith(end) for begin, end in shapes)
        and not re.search(rf"""["'`]{re.escape(key.removeprefix("script."))}["'`]""", everything)
    ]
    assert unused == []


@pytest.mark.parametrize("locale", LOCALES)
def test_all_languages_say_the_same(locale: str) -> None:
    english, other = catalogue(DEFAULT), catalogue(locale)
    assert other.keys() == english.keys()
    for key, text in english.items():
        assert type(other[key]) is type(text), key
        assert set[str]().union(*places(other[key])) == set[str]().union(*places(text)), key


def test_the_second_language_is_no_copy_of_the_first() -> None:
    english, spanish = catalogue("en"), catalogue("es")
    same = [
        key for key, text in english.items() if isinstance(text, str) and " " in text and spanish[key] == text
    ]
    assert same == []


@pytest.mark.parametrize(
    "path", [path for path in TEMPLATES if path.name not in ENGLISH_PAGES], ids=lambda path: path.name
)
def test_templates_have_no_words_of_their_own(path: Path) -> None:
    bare = path.read_text()
    for piece in _NO_WORDS:
        bare = re.sub(piece, " ", bare, flags=re.DOTALL)
    words = set(re.findall(r"[A-Za-z]{2,}", bare)) - SAME_EVERYWHERE - NO_TEXT.get(path.name, set())
    assert words == set()
