import re
import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lapinq_core.domain.cron.expression import read_cron
from lapinq_core.domain.cron.fields import LAST, Fields, read_fields
from lapinq_core.domain.errors import InvalidValue
from tests.support.tries import tries


def read(expression: str, seed: str = "backup") -> Fields:
    return read_fields(expression, seed)


@pytest.mark.parametrize(
    ("minute", "numbers"),
    [
        ("7", [7]),
        ("7,5,7", [5, 7]),
        ("10-13", [10, 11, 12, 13]),
        ("10-20/5", [10, 15, 20]),
        ("40/10", [40, 50]),
        ("*/30", [0, 30]),
        ("*/60", [0]),
        ("58-1", [0, 1, 58, 59]),
        ("56-4/3", [2, 56, 59]),
        ("5-5", [5]),
        ("5-5/1", [5]),
        ("007", [7]),
        ("1,10-12,*/20", [0, 1, 10, 11, 12, 20, 40]),
    ],
)
def test_a_field_is_numbers_ranges_steps_and_lists_of_them(minute: str, numbers: list[int]) -> None:
    assert list(read(f"{minute} * * * *").minutes) == numbers


@pytest.mark.parametrize(
    ("weekday", "numbers"),
    [
        ("mon-fri", [1, 2, 3, 4, 5]),
        ("FRI-Mon", [0, 1, 5, 6]),
        ("sat-tue/2", [1, 6]),
        ("5/2", [5]),
        ("7", [0]),
        ("5-7", [0, 5, 6]),
        ("7-2", [0, 1, 2]),
        ("7-7", [0]),
        ("0-7/7", [0]),
        ("0-7", [0, 1, 2, 3, 4, 5, 6]),
        ("1-7", [0, 1, 2, 3, 4, 5, 6]),
    ],
)
def test_a_week_may_begin_and_end_where_one_likes(weekday: str, numbers: list[int]) -> None:
    assert list(read(f"0 0 * * {weekday}").weekdays) == numbers


@pytest.mark.parametrize(
    ("weekday", "expected"),
    [
        ("fri#2", (5, 2)),
        ("7#5", (0, 5)),
        ("friL", (5, LAST)),
        ("5L", (5, LAST)),
        ("L5", (5, LAST)),
        ("sunl", (0, LAST)),
    ],
)
def test_one_weekday_of_a_month_is_written_in_two_ways(weekday: str, expected: tuple[int, int]) -> None:
    assert read(f"0 0 * * {weekday}").nth_weekdays == (expected,)


@pytest.mark.parametrize(
    ("alias", "expression"),
    [
        ("@hourly", "0 * * * *"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@Weekly", "0 0 * * 0"),
        ("@monthly", "0 0 1 * *"),
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
    ],
)
def test_an_alias_is_its_expression_and_not_hashed(alias: str, expression: str) -> None:
    assert read(alias) == read(expression)


def test_seconds_stand_first_months_may_run_over_the_year_and_a_question_mark_is_any_day() -> None:
    fields = read("30 15 10 * nov-FEB *")
    assert (fields.seconds, fields.minutes, fields.hours) == ((30,), (15,), (10,))
    assert fields.months == (1, 2, 11, 12)
    assert read("15 10 * * *").seconds == (0,)
    assert read("0 0 ? * mon") == read("0 0 * * mon")
    assert read("0 0 1 * ?") == read("0 0 1 * *")


# Hashes


def test_a_hash_stays_the_same_for_ever() -> None:
    fields = read("H H(0-5) H H H", "nightly report")
    assert (fields.minutes, fields.hours, fields.days) == ((13,), (4,), (28,))
    assert (fields.months, fields.weekdays) == ((5,), (3,))
    assert read("H/15 * * * *", "nightly report").minutes == (13, 28, 43, 58)


@given(st.text(max_size=20))
def test_a_hash_stays_within_what_is_written(seed: str) -> None:
    fields = read("H(30-59)/10 H(9-17) H H H/2", seed)
    assert len(fields.minutes) == 3
    assert 30 <= fields.minutes[0] <= 39
    assert [after - fields.minutes[0] for after in fields.minutes] == [0, 10, 20]
    assert 9 <= fields.hours[0] <= 17
    assert 1 <= fields.days[0] <= 28, "a day that every month has"
    assert fields.weekdays in {(0, 2, 4, 6), (1, 3, 5)}


def test_hashes_of_many_names_are_spread_over_the_day_and_differ_among_fields() -> None:
    read_all = [read("H H H * * *", f"job-{n}") for n in range(500)]
    assert len({(fields.hours, fields.minutes) for fields in read_all}) > 400
    assert any(fields.minutes != fields.seconds for fields in read_all)


# What is refused


@pytest.mark.parametrize(
    ("expression", "part"),
    [
        ("60 * * * *", "minute '60'.*0-59"),
        ("* 24 * * *", "hour '24'.*0-23"),
        ("* * 0 * *", "day of month '0'.*1-31"),
        ("* * * 13 *", "month '13'.*1-12 or jan-dec"),
        ("* * * * 8", "day of week '8'.*0-6 or sun-sat"),
        ("61 * * * * *", "second '61'"),
        ("*/70 * * * *", r"minute '\*/70'.*step must be 1 to 60"),
        ("*/0 * * * *", "minute.*step"),
        ("50/15 * * * *", "minute '50/15'.*step must be 1 to 10"),
        ("H/61 * * * *", "minute 'h/61'.*step"),
        ("H(30-10) * * * *", r"minute 'h\(30-10\)'.*must ascend"),
        ("* * * * H(0-7)", r"day of week 'h\(0-7\)'.*within 0-6"),
        ("1,,2 * * * *", "minute ''"),
        ("-5 * * * *", "minute '-5'"),
        ("1-2-3 * * * *", "minute '1-2-3'"),
        ("mon * * * *", "minute 'mon'"),
        ("* * * * monday", "day of week 'monday'"),
        ("R(0-5)/2 * * * *", "minute.*use H"),
        ("0 0 15W * *", "day of month '15w'.*nearest weekday"),
        ("0 0 LW * *", "day of month 'lw'.*nearest weekday"),
        ("0 0 L-3 * *", "day of month 'l-3'"),
        ("0 0 * * L", "day of week 'l'"),
        ("0 0 * * fri#6", "day of week 'fri#6'.*1 to 5"),
        ("0 0 * * mon-fri#1", "day of week 'mon-fri#1'"),
        ("0 0 * * xL", "day of week 'xl'"),
        ("? * * * *", "minute.*stand alone"),
        ("0 0 ?,1 * *", "day of month.*stand alone"),
        ("@reboot", "'@reboot' is unknown; the aliases are @hourly"),
        ("* * * *", "has 4 fields"),
        ("0 0 0 1 1 * 2030", "has 7 fields.*years are not supported"),
        ("0 0 * *\u00a0*", "printable"),
        ("٣ * * * *", "printable"),
        (f"{'0,' * 127}0 * * * *", "at most 255"),
        ("0 0 30 2 *", "never fires"),
        ("0 0 */15 * fri#4", "never fires"),
    ],
)
def test_what_has_no_clear_meaning_is_refused_by_the_name_of_its_field(expression: str, part: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        read_cron(expression, "UTC", seed="x")
    assert caught.value.loc == "cron"
    assert re.search(part, caught.value.msg)


pieces = st.sampled_from(
    [*"0123456789*/-,#?()@ \tHhLlRrWw", "fri", "jan", "L5", "59", "*/", "H(", " * * ", "@daily"]
)


@settings(deadline=None, max_examples=tries(1000))
@given(st.text(max_size=300) | st.lists(pieces, max_size=60).map("".join), st.text(max_size=9))
def test_any_text_is_read_or_refused_at_once(text: str, seed: str) -> None:
    def seconds_to_read() -> float:
        start = time.thread_time()
        with suppress(InvalidValue):
            read_cron(text, "UTC", seed=seed)
        return time.thread_time() - start

    # A first import or the garbage collector slows down one try. A text that is hard to read slows down each.
    assert any(seconds_to_read() < 0.05 for _ in range(3))
