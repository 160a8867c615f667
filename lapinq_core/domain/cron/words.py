"""Describes a cron expression as a sentence in English or Spanish, such as "At 09:00, Monday through Friday".

cron-descriptor says the time of day where its sentence is correct and reads well; other times are listed. Days and
months are described here: the library names them in the process's language, and uses the first of several `#` for all.
The sentence is built from the parsed numbers only, never from the text of the expression.
"""

from collections.abc import Sequence
from itertools import pairwise, product
from typing import Literal

from cron_descriptor import ExpressionDescriptor, Options

from lapinq_core.domain.cron.expression import Cron
from lapinq_core.domain.cron.fields import LAST, Fields
from lapinq_core.domain.cron.languages import EN, LANGUAGES, Words

_MAX_TIMES = 6  # that are listed rather than told by minutes and hours

Shape = Literal["all", "one", "every", "range", "spaced", "list"]


def in_words(cron: Cron, language: str = "en") -> str:
    """The meaning of `cron` without its time zone. `language` is "en" or "es"; any other gives English."""
    words, fields = LANGUAGES.get(language, EN), cron.fields
    said = ", ".join(
        part for part in (_times(fields, words), _days(fields, words), _months(fields, words)) if part
    )
    return said[0].upper() + said[1:]


def _times(fields: Fields, words: Words) -> str:
    seconds = () if fields.seconds == (0,) else fields.seconds
    shapes: list[Shape] = [_shape(numbers, size) for numbers, size in _sized(fields)]
    every_so_many = shapes[1] == "all" or shapes[2] in ("all", "every")
    if not every_so_many and len(fields.seconds) * len(fields.minutes) * len(fields.hours) <= _MAX_TIMES:
        return _listed_times(fields, words, bool(seconds))
    if _is_well_said(bool(seconds), shapes):
        return _library_says(fields, words, bool(seconds), shapes)
    parts = [
        _counted(numbers, shape == "all", unit, words)
        for (numbers, _), shape, unit in zip(_sized(fields), shapes, words.units, strict=True)
    ]
    return ", ".join(parts if seconds else parts[1:])


def _sized(fields: Fields) -> tuple[tuple[tuple[int, ...], int], ...]:
    return (fields.seconds, 60), (fields.minutes, 60), (fields.hours, 24)


def _shape(numbers: tuple[int, ...], size: int) -> Shape:
    if len(numbers) == size:
        return "all"
    if len(numbers) == 1:
        return "one"
    steps = {after - before for before, after in pairwise(numbers)}
    if len(steps) > 1:
        return "list"
    step = steps.pop()
    if numbers[0] == 0 and step * len(numbers) == size:
        return "every"
    if len(numbers) > 2 and step == 1:
        return "range"
    return "spaced" if len(numbers) > _MAX_TIMES else "list"


def _is_well_said(has_seconds: bool, shapes: Sequence[Shape]) -> bool:
    """Whether the library's sentence is good. For minutes in every second hour it says "every 10 minutes, every 2
    hours"."""
    second, minute, hour = shapes
    if hour in ("every", "spaced", "list"):
        return not has_seconds and minute == "one"
    return not has_seconds or second == "one" or minute in ("all", "one")


def _library_says(fields: Fields, words: Words, has_seconds: bool, shapes: Sequence[Shape]) -> str:
    texts = [_text(numbers, shape) for (numbers, _), shape in zip(_sized(fields), shapes, strict=True)]
    if shapes[2] == "one" and (has_seconds or shapes[1] != "range"):
        # As a range it is "between 09:00 and 09:59", as itself at 09:00.
        texts[2] = f"{texts[2]}-{texts[2]}"
    expression = " ".join([*(texts if has_seconds else texts[1:]), "* * *"])
    options = Options(locale_code=words.locale, use_24hour_time_format=True)
    descriptor = ExpressionDescriptor(expression, options)
    return descriptor.transform_verbosity(descriptor.get_time_of_day_description())


def _text(numbers: tuple[int, ...], shape: Shape) -> str:
    match shape:
        case "all":
            return "*"
        case "every":
            return f"*/{numbers[1]}"
        case "range":
            return f"{numbers[0]}-{numbers[-1]}"
        case "spaced":
            return f"{numbers[0]}-{numbers[-1]}/{numbers[1] - numbers[0]}"
        case "one" | "list":
            return ",".join(map(str, numbers))


def _listed_times(fields: Fields, words: Words, has_seconds: bool) -> str:
    times = [
        f"{hour:02}:{minute:02}" + (f":{second:02}" if has_seconds else "")
        for hour, minute, second in product(fields.hours, fields.minutes, fields.seconds)
    ]
    return words.at.format(_joined(times, words))


def _counted(numbers: tuple[int, ...], is_all: bool, unit: tuple[str, str, str], words: Words) -> str:
    every, one, several = unit
    if is_all:
        return every
    return (one if len(numbers) == 1 else several).format(_numbers(numbers, words))


def _days(fields: Fields, words: Words) -> str:
    is_any_day, is_any_weekday = len(fields.days) == 31, len(fields.weekdays) == 7
    if fields.needs_both_days:
        if is_any_day:
            return "" if is_any_weekday else _only_weekdays(fields, words)
        days = _days_of_month(fields, words)
        return days if is_any_weekday else words.both.format(days, _weekdays(fields, words, ""))
    if is_any_day or is_any_weekday:
        return ""
    return words.either.format(_days_of_month(fields, words), _weekdays(fields, words, words.article))


def _days_of_month(fields: Fields, words: Words) -> str:
    kinds: list[str] = []
    if fields.days:
        kinds.append(
            (words.day if len(fields.days) == 1 else words.days).format(_numbers(fields.days, words))
        )
    if fields.has_last_day:
        kinds.append(words.last_day)
    return words.some_days.format(_joined(kinds, words))


def _only_weekdays(fields: Fields, words: Words) -> str:
    said = _weekdays(fields, words, words.article)
    if fields.nth_weekdays:
        return words.on_nth_weekdays.format(said)
    return said if _is_run(_from_monday(fields)) else words.only_weekdays.format(said)


def _weekdays(fields: Fields, words: Words, article: str) -> str:
    days = _from_monday(fields)
    names = [words.weekdays[day % 7] for day in days]
    if _is_run(days) and not fields.nth_weekdays:
        return words.weekday_range.format(names[0], names[-1])
    said = [article + name for name in names]
    for day, nth in fields.nth_weekdays:
        said.append(words.nth_weekday.format(words.nths[-1 if nth == LAST else nth - 1], words.weekdays[day]))
    return _joined(said, words)


def _from_monday(fields: Fields) -> list[int]:
    return sorted(day or 7 for day in fields.weekdays)


def _months(fields: Fields, words: Words) -> str:
    if len(fields.months) == 12:
        return ""
    names = [words.months[month - 1] for month in fields.months]
    if _is_run(fields.months):
        return words.month_range.format(names[0], names[-1])
    return words.only_months.format(_joined(names, words))


def _is_run(numbers: Sequence[int]) -> bool:
    return len(numbers) > 2 and numbers[-1] - numbers[0] == len(numbers) - 1


def _numbers(numbers: Sequence[int], words: Words) -> str:
    """`numbers` as a list; three or more in a row are shortened to the first and the last."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    said: list[str] = []
    for run in runs:
        said += [words.run.format(run[0], run[-1])] if len(run) > 2 else map(str, run)
    return _joined(said, words)


def _joined(parts: Sequence[str], words: Words) -> str:
    return f" {words.conjunction} ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
