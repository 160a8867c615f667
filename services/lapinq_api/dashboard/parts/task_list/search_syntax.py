"""The syntax of the search box above the list of tasks: words of the form `key:value`.

queue:video,mail -status:completed transcode args:"[1, 2]" args.order:17 -key:acme* since:1h sort:longest

Words without a key search task names, or ids if they look like the beginning of one. A minus excludes. A value with
spaces needs double quotes, in which a backslash escapes a quote or a backslash. A task's key that ends with `*` means
all that begin so, unless a backslash is before it. This module reads and writes the syntax; it doesn't interpret the
values.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from lapinq_api.dashboard.parts.task_list.search_problem import SearchProblem
from lapinq_api.operations.filters.several import MAX_VALUES, join, split
from lapinq_api.operations.filters.task_values import PARAMETER
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.ids import BEGIN_OF_ID
from lapinq_core.domain.nearest import nearest

MAX_CHARACTERS = 4000

KEYS = {
    "queue": "queue",
    "status": "status",
    "state": "state",
    "task": "task_name",
    "name": "name",
    "args": "arguments",
    "kwargs": "kwargs",
    "metadata": "metadata",
    "result": "result",
    "error": "error",
    "kind": "error_kind",
    "group": "error_group",
    "id": "id",
    "worker": "worker",
    "key": "key",
    "since": "since",
    "until": "until",
    "ended_since": "ended_since",
    "ended_until": "ended_until",
    "sort": "sort",
}
"""The page parameter of each key, in the order in which they are written."""
SEVERAL = {"queue": "queues", "name": "names", "key": "keys"}
"""The parameter of a key with several values, separated by commas; others hold them in their own."""
NAMED = "named_arguments"
"""The parameter of all words like `args.order:17`: values like `order=17`, separated by commas."""
EXCLUDED = {
    "queue": "not_queues",
    "status": "not_status",
    "state": "not_state",
    "task": "not_task_names",
    "name": "not_names",
    "args": "not_arguments",
    "metadata": "not_metadata",
    "result": "not_results",
    "error": "not_errors",
    "kind": "not_error_kinds",
    "key": "not_keys",
}
"""The parameter of what a key with a minus excludes: values separated by commas."""
KEY_OF = {
    **{name: key for key, name in KEYS.items()},
    **{name: key for key, name in SEVERAL.items()},
    **{name: f"-{key}" for key, name in EXCLUDED.items()},
    NAMED: "args",
}
"""The key of each parameter, as written."""

WHOLE = "the search"
"""Where a problem is that no key has."""
_BARE = "task"
_OF_TASK = "key"
_MIN_ID = 8


class _Word(NamedTuple):
    """`key` is None for a word without one. `values` has several values where the key takes them."""

    key: str | None
    values: list[str]
    is_excluded: bool
    is_quoted: bool


def parse(text: str) -> dict[str, str]:
    """The parameters in `text`, by name. Raises `InvalidValue`, which names the key."""
    if len(text) > MAX_CHARACTERS:
        msg = f"must have at most {MAX_CHARACTERS} characters"
        raise SearchProblem(WHOLE, msg, "too_long", most=MAX_CHARACTERS)
    found: dict[str, str] = {}
    bare: list[str] = []
    named: list[str] = []
    excluded: dict[str, list[str]] = {}
    for key, values, is_excluded, is_quoted in _words(text):
        if is_excluded:
            excluded.setdefault(EXCLUDED[key or _BARE], []).extend(values)
        elif key is None:
            begin = None if is_quoted or "id" in found else begin_of_id(values[0])
            if begin is None:
                bare.append(values[0])
            else:
                found["id"] = begin
        elif key not in KEYS:
            named.append(f"{key.partition('.')[2]}={values[0]}")
        elif KEYS[key] in found or SEVERAL.get(key) in found:
            raise SearchProblem(key, "is given twice", "twice")
        elif len(values) > 1 or (key == _OF_TASK and _PREFIX.search(values[0])):
            found[SEVERAL[key]] = join(values)
        elif key == _OF_TASK:
            found[KEYS[key]] = _STAR.sub("*", values[0])
        else:
            found[KEYS[key]] = begin_of_id(values[0]) or values[0] if key == "id" else values[0]
    if bare:
        if KEYS[_BARE] in found:
            raise SearchProblem(
                _BARE, "is given twice: words without a key search task names, too", "words_twice"
            )
        found[KEYS[_BARE]] = " ".join(bare)
    if named:
        found[NAMED] = join(named)
    found |= {name: join(dict.fromkeys(values)) for name, values in excluded.items()}
    return {name: found[name] for name in KEY_OF if name in found}


def write(parameters: Mapping[str, str]) -> str:
    """The text for `parameters`, the reverse of `parse`. Omits empty ones and those without a key."""
    words: list[str] = []
    for key, name in KEYS.items():
        if value := parameters.get(name):
            words.append(_write(key, _TRAILING_STAR.sub(r"\\*", value) if key == _OF_TASK else value))
        for sign, names in (("", SEVERAL), ("-", EXCLUDED)):
            if values := parameters.get(names.get(key, "")):
                words.append(f"{sign}{key}:{_tidy(values)}")
        if name == KEYS["args"]:
            words += _write_named(parameters.get(NAMED))
    return " ".join(words)


def unknown_filter(text: str) -> tuple[str, str | None] | None:
    """The first key in `text` that does not exist, and the one that was perhaps meant; None if all exist."""
    for match in _KEY.finditer(text):
        starts_a_word = match.start() == 0 or text[match.start() - 1].isspace()
        if starts_a_word and _key_of(match) not in KEYS and not match[3]:
            return match[2], nearest(match[2], KEYS)
    return None


def begin_of_id(word: str) -> str | None:
    """The id that `word` is or begins, with dashes; None if it is another word."""
    if _COMPACT.fullmatch(word):
        parts = (word[:8], word[8:12], word[12:16], word[16:20], word[20:])
        return "-".join(part for part in parts if part)
    return word if len(word) >= _MIN_ID and _BEGIN.fullmatch(word) else None


def _write(key: str, value: str) -> str:
    is_plain = _PLAIN.fullmatch(value) is not None and not (key in SEVERAL and "," in value)
    if key == _BARE and is_plain and not _KEY.match(value) and value[0] != "-" and begin_of_id(value) is None:
        return value
    return f"{key}:{value}" if is_plain else f'{key}:"{_SPECIAL.sub(_ESCAPE, value)}"'


def _write_named(text: str | None) -> list[str]:
    try:
        named = split(NAMED, text) if text else []
    except InvalidValue:
        return []
    return [
        _write(f"args.{name}", value) for name, _, value in (one.partition("=") for one in named) if value
    ]


def _tidy(text: str) -> str:
    """Several values, with quotes where they contain spaces."""
    try:
        return join(split(WHOLE, text))
    except InvalidValue:
        return text


def _words(text: str) -> Iterator[_Word]:
    at = _SPACES.match(text, 0).end()  # pyright: ignore[reportOptionalMemberAccess]  # it also matches the empty string
    while at < len(text):
        key, is_excluded = None, False
        if match := _KEY.match(text, at):
            is_excluded, key, at = match[1] == "-", _key_of(match), match.end()
            _check_key(key, is_excluded=is_excluded)
        elif match := _MINUS.match(text, at):
            is_excluded, at = True, match.end()
        is_quoted = text.startswith('"', at)
        if is_excluded or key in SEVERAL:
            values, at = _several(key or WHOLE, text, at)
        else:
            value, at = _single(key or WHOLE, text, at)
            values = [value]
        if key is not None and values == [""]:
            msg = f'needs a value: {key}:something, or {key}:"with spaces"'
            raise SearchProblem(key, msg, "no_value")
        if values != [""]:
            yield _Word(key, values, is_excluded, is_quoted)
        at = _SPACES.match(text, at).end()  # pyright: ignore[reportOptionalMemberAccess]


def _key_of(match: re.Match[str]) -> str:
    """The key of a word; of a named argument `args.` and its name."""
    return f"args.{match[3]}" if match[3] else match[2].lower()


def _check_key(key: str, *, is_excluded: bool) -> None:
    if key not in KEYS and "." not in key:
        raise SearchProblem(key, "is not a filter", "unknown")
    if is_excluded and key not in EXCLUDED:
        keys = ", ".join(EXCLUDED)
        raise SearchProblem(key, f"can't be excluded: only {keys} can", "not_excluded", words=keys)


def _single(key: str, text: str, at: int) -> tuple[str, int]:
    """The value at `at`, and its end."""
    if not text.startswith('"', at):
        word = _UNQUOTED.match(text, at)
        value = word[0] if word else ""
        return value, at + len(value)
    quoted = _QUOTED.match(text, at)
    if quoted is None:
        raise SearchProblem(key, "has no closing quote", "open_quote")
    if quoted.end() < len(text) and not text[quoted.end()].isspace():
        raise SearchProblem(key, "needs a space after the closing quote", "after_quote")
    return _UNESCAPED.sub(r"\1", quoted[1]), quoted.end()


def _several(key: str, text: str, at: int) -> tuple[list[str], int]:
    """The values at `at`, separated by commas, and their end."""
    match = _LIST.match(text, at)
    end = match.end() if match else at
    if match is None or (end < len(text) and not text[end].isspace() and text[end] != ","):
        value, end = _single(key, text, at)
        return [value], end
    if end < len(text) and text[end] == ",":
        raise SearchProblem(key, "must have a value after each comma", "comma")
    try:
        return split(key, match[0]), end
    except InvalidValue as error:
        raise SearchProblem(key, error.msg, "values", most=MAX_VALUES) from error


_KEY = re.compile(rf"(-?)(args\.({PARAMETER})|[A-Za-z_]+):")
_PREFIX = re.compile(r"(?<!\\)\*\Z")
_STAR = re.compile(r"\\\*\Z")
_TRAILING_STAR = re.compile(r"\*\Z")
_MINUS = re.compile(r"-(?=\S)")
_PLAIN = re.compile(r'[^\s"][^\s]*')
_UNQUOTED = re.compile(r"\S*")
_SPACES = re.compile(r"\s*")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ITEM = r'(?:"(?:[^"\\]|\\.)+"|[^\s",][^\s,]*)'
_LIST = re.compile(rf"{_ITEM}(?:,{_ITEM})*", re.DOTALL)
_SPECIAL = re.compile(r'["\\]')
_ESCAPE = r"\\\g<0>"
_UNESCAPED = re.compile(r"\\(.)", re.DOTALL)
_COMPACT = re.compile(r"[0-9a-fA-F]{8,32}")
_BEGIN = re.compile(BEGIN_OF_ID)
