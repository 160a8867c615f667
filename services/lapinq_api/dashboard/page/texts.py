"""The texts of the dashboard: one catalogue for each language, in a folder of `lapinq_api/texts`, a file a page.

The files of a language are one tree: `[script]` stands in several, each with the texts of its page's scripts.

A text has a key, such as "tasks.title". It may have placeholders (`{queue}`) and two plural forms, `one` and `other`,
chosen by `n`. Errors of the API are not in the catalogues: they are always English.
"""

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import cast

from markupsafe import Markup

from lapinq_api.dashboard.page.words import thousands

DEFAULT = "en"
LOCALES = {"en": "English", "es": "Español"}
"""Each language with its own name."""
COOKIE = "lapinq_language"
"""Set when a user chooses a language. Without it, the browser's languages decide."""
_MAX_HEADER = 1000
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]")


Text = str | dict[str, str]
Tree = Mapping[str, "str | Tree"]


class Texts:
    """The catalogue of one language."""

    def __init__(self, locale: str, tree: Tree) -> None:
        self.locale = locale
        self._texts = dict(_flat(tree))
        self.of_scripts = {
            key.removeprefix("script."): text
            for key, text in self._texts.items()
            if key.startswith("script.")
        }
        """The texts of scripts, by key."""

    def __call__(self, key: str, /, **values: object) -> str:
        """The text with its placeholders filled in. Raises KeyError for an unknown key."""
        return self._form(key, values).format(**_in_words(values)) if values else self._form(key, values)

    def html(self, key: str, /, **values: object) -> Markup:
        """The text as markup. Values are escaped, unless they are markup, and keep their direction to themselves."""
        isolated = {name: _isolated(value) for name, value in _in_words(values).items()}
        return Markup.escape(self._form(key, values)).format(**isolated)

    def has(self, key: str) -> bool:
        return key in self._texts

    def keys(self) -> set[str]:
        return set(self._texts)

    def _form(self, key: str, values: Mapping[str, object]) -> str:
        text = self._texts[key]
        if isinstance(text, str):
            return text
        return text["one"] if values["n"] == 1 else text["other"]


@cache
def texts_in(locale: str) -> Texts:
    """The catalogue of `locale`, one of `LOCALES`."""
    tree: Tree = {}
    for file in sorted(files("lapinq_api").joinpath("texts", locale).iterdir(), key=lambda one: one.name):
        if file.name.endswith(".toml"):
            tree = joined(tree, tomllib.loads(file.read_text(encoding="utf-8")))
    return Texts(locale, tree)


def joined(one: Tree, other: Tree) -> Tree:
    """Both trees in one. Raises ValueError for a text that stands in both."""
    whole = dict(one)
    for name, value in other.items():
        known = whole.get(name)
        if known is None:
            whole[name] = value
        elif isinstance(known, str) or isinstance(value, str) or "other" in value:
            raise ValueError(f"two files have the text {name!r}")
        else:
            whole[name] = joined(known, value)
    return whole


def choose_locale(cookie: str | None, accepted: str) -> str:
    """The language for a browser with this cookie and this Accept-Language header (RFC 9110, 12.5.4)."""
    if cookie in LOCALES:
        return cookie
    best, best_weight = DEFAULT, 0.0
    for part in accepted[:_MAX_HEADER].split(","):
        tag, _, parameter = part.strip().partition(";")
        locale = tag.partition("-")[0].strip().lower()
        weight = _weight(parameter)
        if locale in LOCALES and weight > best_weight:
            best, best_weight = locale, weight
    return best


def _in_words(values: Mapping[str, object]) -> dict[str, object]:
    """`values` with the count `n` as the reader's region writes it."""
    n = values.get("n")
    return {**values, "n": thousands(n)} if isinstance(n, int) else dict(values)


def _isolated(value: object) -> object:
    if isinstance(value, str) and not isinstance(value, Markup) and _RIGHT_TO_LEFT.search(value):
        return Markup("<bdi>{}</bdi>").format(value)
    return value


def _weight(parameter: str) -> float:
    name, _, value = parameter.partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return min(max(float(value), 0.0), 1.0)
    except ValueError:
        return 0.0


def _flat(tree: Tree, prefix: str = "") -> list[tuple[str, Text]]:
    found: list[tuple[str, Text]] = []
    for name, value in tree.items():
        if isinstance(value, str):
            found.append((prefix + name, value))
        elif set(value) == {"one", "other"}:
            found.append((prefix + name, cast("dict[str, str]", value)))
        else:
            found += _flat(value, f"{prefix}{name}.")
    return found
