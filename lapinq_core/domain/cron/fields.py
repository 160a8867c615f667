"""Parses a cron expression into the seconds, minutes, hours, days and months it names.

Names, aliases, steps, ranges that wrap around, and the hashed `H` all become plain numbers here. So there is one
interpretation of an expression, whichever library evaluates it.
"""

import re
from collections.abc import Sequence
from hashlib import blake2b

import msgspec

from lapinq_core.domain.errors import InvalidValue

MAX_EXPRESSION = 255
LAST = -1  # in place of a number: the last weekday of its kind in a month

_ALIASES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}


class Field(msgspec.Struct, frozen=True):
    """A field of an expression: its name, and the numbers, names and extensions it accepts."""

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()
    also: str = ""
    highest_hash: int | None = None


SECOND = Field("second", 0, 59)
MINUTE = Field("minute", 0, 59)
HOUR = Field("hour", 0, 23)
# A day that is hashed is one which every month has.
DAY = Field("day of month", 1, 31, also=", L for the last day", highest_hash=28)
MONTH = Field(
    "month", 1, 12, ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
)
WEEKDAY = Field(
    "day of week",
    0,
    6,
    ("sun", "mon", "tue", "wed", "thu", "fri", "sat"),
    ", 7 for Sunday, fri#2, friL for the last Friday",
)


class Fields(msgspec.Struct, frozen=True):
    """The values an expression names, each in ascending order; Sunday is 0.

    `nth_weekdays` are pairs of a weekday and its position in the month, 1 to 5 or `LAST`. `has_star_hour`: the hours
    are `*` or step over it. `needs_both_days`: a day must match the day of month and the weekday; otherwise either.
    """

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    has_last_day: bool
    months: tuple[int, ...]
    weekdays: tuple[int, ...]
    nth_weekdays: tuple[tuple[int, int], ...]
    has_seconds: bool
    has_star_hour: bool
    needs_both_days: bool


def read_fields(expression: str, seed: str) -> Fields:
    """The fields of `expression`, with `H` hashed from `seed`. Raises `InvalidValue`, which names the wrong field."""
    texts = _split(expression)
    has_seconds = len(texts) == 6
    second, minute, hour, day, month, weekday = texts if has_seconds else ["0", *texts]
    days, weekdays = _items(DAY, day), _items(WEEKDAY, weekday)
    last_days = [item for item in days if item == "l"]
    nths = [item for item in weekdays if "#" in item or re.fullmatch(r"l\w+|\w+l", item)]
    return Fields(
        seconds=_numbers(SECOND, _items(SECOND, second), seed),
        minutes=_numbers(MINUTE, _items(MINUTE, minute), seed),
        hours=_numbers(HOUR, _items(HOUR, hour), seed),
        days=_numbers(DAY, [item for item in days if item != "l"], seed),
        has_last_day=bool(last_days),
        months=_numbers(MONTH, _items(MONTH, month), seed),
        weekdays=_numbers(WEEKDAY, [item for item in weekdays if item not in nths], seed),
        nth_weekdays=tuple(sorted({_nth(item) for item in nths})),
        has_seconds=has_seconds,
        has_star_hour=any(re.match(r"\*|h/", item) for item in _items(HOUR, hour)),
        needs_both_days=day[0] in "*?" or weekday[0] in "*?",
    )


def _split(expression: str) -> list[str]:
    if len(expression) > MAX_EXPRESSION:
        raise InvalidValue("cron", f"must have at most {MAX_EXPRESSION} characters")
    plain = expression.replace("\t", " ")
    if not plain.isascii() or not plain.isprintable():
        raise InvalidValue("cron", "must be plain printable characters")
    text = plain.strip().lower()
    if text.startswith("@"):
        if text not in _ALIASES:
            raise InvalidValue("cron", f"{text!r} is unknown; the aliases are {', '.join(_ALIASES)}")
        text = _ALIASES[text]
    texts = text.split()
    if len(texts) not in (5, 6):
        raise InvalidValue(
            "cron",
            (
                f"has {len(texts)} fields; it needs five (minute, hour, day of month, month, day of week) or"
                " six, with seconds first; years are not supported"
            ),
        )
    return texts


def _items(field: Field, text: str) -> list[str]:
    items = text.split(",")
    if "?" in text and (text != "?" or field not in (DAY, WEEKDAY)):
        raise _wrong(field, text, "? may only stand alone, as the day of month or the day of week")
    return items


def _numbers(field: Field, items: Sequence[str], seed: str) -> tuple[int, ...]:
    return tuple(sorted({number for item in items for number in _range(field, item, seed)}))


_ITEM = re.compile(
    r"(?:(?P<star>[*?])|(?P<hash>h)(?:\((?P<low>\d+)-(?P<high>\d+)\))?|(?P<first>\w+)(?:-(?P<last>\w+))?)"
    r"(?:/(?P<step>\d+))?",
    re.ASCII,
)


def _range(field: Field, item: str, seed: str) -> Sequence[int]:
    found = _ITEM.fullmatch(item)
    if not found:
        raise _wrong(field, item)
    star, hashed, low, high, first, last, step = found.groups()
    if hashed:
        return _hashed(field, item, low, high, step, seed)
    if star:
        numbers = range(field.low, field.high + 1)
    else:
        start = _number(field, item, first)
        if last is None:
            numbers = range(start, (field.high if step else start) + 1)
        else:
            numbers = _between(field, start, _number(field, item, last), first != last == "7")
    return numbers[:: _step(field, item, step, len(numbers))] if step else numbers


def _between(field: Field, start: int, end: int, is_to_seven: bool) -> Sequence[int]:
    if field is WEEKDAY and is_to_seven:
        return (*range(start, field.high + 1), 0)
    if start <= end:
        return range(start, end + 1)
    return (*range(start, field.high + 1), *range(field.low, end + 1))


def _hashed(
    field: Field, item: str, low: str | None, high: str | None, step: str | None, seed: str
) -> Sequence[int]:
    first = field.low if low is None else _number(field, item, low)
    last = field.high if high is None else _number(field, item, high)
    if first > last or (field is WEEKDAY and high == "7"):
        raise _wrong(field, item, f"the range of H must ascend, within {field.low}-{field.high}")
    drawn = last if high is not None else field.highest_hash or last
    size = drawn - first + 1
    digest = blake2b(f"{field.name}:{seed}".encode(errors="surrogatepass"), digest_size=8).digest()
    number = int.from_bytes(digest)
    if step is None:
        return (first + number % size,)
    width = _step(field, item, step, last - first + 1)
    return range(first + number % min(width, size), last + 1, width)


def _number(field: Field, item: str, text: str) -> int:
    if text in field.names:
        return field.low + field.names.index(text)
    if not text.isdecimal():
        raise _wrong(field, item)
    number = int(text)
    if field is WEEKDAY and number == 7:
        return 0
    if not field.low <= number <= field.high:
        raise _wrong(field, item)
    return number


def _step(field: Field, item: str, text: str, size: int) -> int:
    step = int(text)
    if not 1 <= step <= size:
        raise _wrong(field, item, f"the step must be 1 to {size}, the size of its range")
    return step


def _nth(item: str) -> tuple[int, int]:
    name, sign, nth = item.partition("#")
    if not sign:
        return _number(WEEKDAY, item, item.removesuffix("l") if item.endswith("l") else item[1:]), LAST
    if nth not in ("1", "2", "3", "4", "5"):
        raise _wrong(WEEKDAY, item, "# must be followed by 1 to 5")
    return _number(WEEKDAY, item, name), int(nth)


def _wrong(field: Field, item: str, reason: str | None = None) -> InvalidValue:
    if reason is None and re.search(r"r", item) and re.fullmatch(r"r(\(.*\))?(/\d+)?", item):
        reason = "R would change with every evaluation; use H, which is stable"
    elif reason is None and field is DAY and "w" in item:
        reason = "W, the nearest weekday, is not supported"
    names = f" or {field.names[0]}-{field.names[-1]}" if field.names else ""
    allowed = f"{field.low}-{field.high}{names}{field.also}, *, H, lists, ranges, steps"
    return InvalidValue("cron", f"{field.name} {item!r}: {reason or f'allowed are {allowed}'}")
