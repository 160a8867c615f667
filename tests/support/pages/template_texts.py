"""The texts of templates and scripts: the keys of the catalogue that they use, and words that they contain."""

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import jinja2
from jinja2 import nodes

from lapinq_api.dashboard.page.words import FILTERS

SERVICE = Path(__file__).parents[3] / "services" / "lapinq_api"
TEMPLATES = sorted((SERVICE / "templates").rglob("*.html"))
SCRIPTS = sorted((SERVICE / "static").glob("*.js"))

_SAID_BY_ATTRIBUTES = "aria-label|title|alt|placeholder|data-label|data-confirm|data-done"
_SAYING = r"\b(?:text|say|counted)\("
_templates = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
_templates.filters.update(FILTERS)


class Asked:
    """A call of the catalogue: for one of `keys`, or for what matches `pattern`; with `values` to fill in."""

    def __init__(self, call: nodes.Call) -> None:
        self.keys: set[str] = set()
        self.pattern: str | None = None
        self.values = {value.key for value in call.kwargs}
        self._take(call.args[0])

    def _take(self, key: nodes.Expr) -> None:
        match key:
            case nodes.Const(value=str(text)):
                self.keys.add(text)
            case nodes.CondExpr(expr1=one, expr2=other) if other is not None:
                self._take(one)
                self._take(other)
            case nodes.Concat(nodes=parts):
                self.pattern = "".join(part.value if isinstance(part, nodes.Const) else "*" for part in parts)
            case nodes.Name():
                pass  # passed to a macro, which has it in full
            case _:
                raise AssertionError(f"which key is meant can't be seen: {key}")


@cache
def asked_by(template: Path) -> list[Asked]:
    """All calls of `t` in a template."""
    found: list[Asked] = []
    for call in _templates.parse(template.read_text()).find_all(nodes.Call):
        match call.node:
            case nodes.Name(name="t") | nodes.Getattr(node=nodes.Name(name="t"), attr="html" | "has"):
                found.append(Asked(call))
            case _:
                pass
    return found


def matching(pattern: str, keys: set[str]) -> set[str]:
    """Those of `keys` that `pattern` may mean, in which a star stands for what has no dot."""
    return {key for key in keys if fnmatchcase(key, pattern) and key.count(".") == pattern.count(".")}


def literals_of(path: Path) -> set[str]:
    """The words, dotted or not, that stand in quotes in a template, script or module."""
    return {word for _, word in re.findall(r"""(["'`])([\w.]+)\1""", path.read_text())}


def said_by_script(script: Path) -> set[str]:
    """The keys that a script names where it says something."""
    calls = re.findall(_SAYING + r"([^,;{`]*?)[,)]", script.read_text())
    return {key for call in calls for key in re.findall(r'"(\w+)"', call)}


def patterns_of_script(script: Path) -> set[str]:
    """The keys that a script composes, with a star for each inserted part."""
    return {re.sub(r"\$\{.*?\}", "*", key) for key in re.findall(_SAYING + r"`([^`]*)`", script.read_text())}


def words_of(template: Path) -> set[str]:
    """Runs of letters that a reader sees, or hears, and that no catalogue has: in texts, and in attributes."""
    html = "".join(_written(_templates.parse(template.read_text())))
    html = re.sub(r"(?s)<(code|pre|kbd)\b.*?</\1>", "", html)
    said = re.findall(rf'\b(?:{_SAID_BY_ATTRIBUTES})="([^"]*)"', html)
    seen = re.sub(r"&\w+;", " ", re.sub(r"(?s)<[^>]*>", " ", html))
    return set(re.findall(r"[^\W\d_]{2,}", " ".join([seen, *said])))


def _written(tree: nodes.Node) -> Iterator[str]:
    """The text of a template, with what its expressions bring themselves."""
    for output in tree.find_all(nodes.Output):
        for one in output.nodes:
            if isinstance(one, nodes.TemplateData):
                yield one.data
            else:
                yield "".join(_literals(one)).replace(">", "")


def _literals(expression: nodes.Expr) -> Iterator[str]:
    match expression:
        case nodes.Const(value=str(text)):
            yield text
        case nodes.CondExpr(expr1=one, expr2=other):
            yield from _literals(one)
            if other is not None:
                yield from _literals(other)
        case nodes.Concat(nodes=parts):
            for part in parts:
                yield from _literals(part)
        case nodes.Or(left=left, right=right):
            yield from _literals(left)
            yield from _literals(right)
        case _:
            pass
