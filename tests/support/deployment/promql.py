"""Which metrics and labels a PromQL expression names. It reads what we write; whether it is right promtool tells."""

import re
from collections.abc import Iterator

import msgspec

_MATCHER = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"')
_BRACES = re.compile(r'\{((?:[^{}"]|"(?:[^"\\]|\\.)*")*)\}')
_LISTS = re.compile(r"\b(by|without|on|ignoring|group_left|group_right)\s*\(([^()]*)\)")
_NAME = re.compile(r"(?<![\w:.$])[a-zA-Z_:][\w:]*")
_WORDS = {"and", "or", "unless", "offset", "bool", "inf", "nan"}


class Selector(msgspec.Struct, frozen=True):
    """A metric as it is asked for: the function right around it, "" where none is, and the labels it is chosen by."""

    function: str
    metric: str
    matchers: dict[str, str]


def selectors(expression: str) -> Iterator[Selector]:
    """Each metric that the expression names, from left to right."""
    found = _BRACES.findall(expression)
    # Braces are numbered, so that no name in them is taken for a metric.
    bare = re.sub(r"#.*", "", _LISTS.sub(" ", _numbered(expression)))
    bare = re.sub(r"\[[^\]]*\]|\boffset\s+\S+", " ", re.sub(r'"[^"]*"', " ", bare))
    for match in _NAME.finditer(bare):
        rest = bare[match.end() :].lstrip()
        if match[0].lower() in _WORDS or rest.startswith("("):
            continue
        braces = re.match(r"\{(\d+)\}", rest)
        around = re.search(r"(\w+)\s*\(\s*$", bare[: match.start()])
        yield Selector(
            around[1] if around else "",
            match[0],
            dict(_MATCHER.findall(found[int(braces[1])])) if braces else {},
        )


def grouped(expression: str) -> set[str]:
    """The labels that it adds up by, keeps, or matches on."""
    names = [names for _, names in _LISTS.findall(_BRACES.sub("", expression))]
    return {label.strip() for part in names for label in part.split(",") if label.strip()}


def _numbered(expression: str) -> str:
    numbers = iter(range(len(expression)))
    return _BRACES.sub(lambda _: f"{{{next(numbers)}}}", expression)
