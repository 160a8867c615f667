"""What times to keep things say, and which are refused."""

import pytest

from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.tasks.retention import FOR_EVER, Retention, read_keep
from lapinq_core.domain.tasks.state import Status

DAY = 86_400
EVERY = dict.fromkeys(("completed", "failed", "cancelled", "expired"), 30 * DAY)


@pytest.mark.parametrize(
    ("entries", "kept", "longest"),
    [
        ([], FOR_EVER, None),
        (["30d"], Retention(**EVERY), 30 * DAY),  # not of the audit log
        (["30d", "failed=90d"], Retention(**{**EVERY, "failed": 90 * DAY}), 90 * DAY),
        (["failed=90d", "30d"], Retention(**{**EVERY, "failed": 90 * DAY}), 90 * DAY),
        (["completed=7d", "audit=52w"], Retention(completed=7 * DAY, audit=52 * 7 * DAY), None),
    ],
)
def test_a_status_that_is_named_goes_before_the_general_time_and_without_any_it_is_kept_for_ever(
    entries: list[str], kept: Retention, longest: int | None
) -> None:
    assert read_keep(entries) == kept
    assert kept.longest == longest


def test_only_statuses_with_a_time_are_among_those_to_delete() -> None:
    assert FOR_EVER.statuses == {}
    assert read_keep(["completed=7d", "audit=52w"]).statuses == {Status.COMPLETED: 7 * DAY}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1m", 60),
        ("90m", 5400),
        ("12h", DAY // 2),
        ("2w", 14 * DAY),
        ("1w2d3h4m", 9 * DAY + 3 * 3600 + 240),
        ("3652d", 3652 * DAY),
    ],
)
def test_times_add_up(text: str, seconds: int) -> None:
    assert read_keep([f"failed={text}"]).failed == seconds
    assert read_keep([f" failed = {text} "]).failed == seconds


NO_TIMES = [
    "", "30", "0d", "0m", "59s", "1.5d", "-1d", "1D", "1 d", "d", "12h1d", "1d1d", "1y", "3653d", "9" * 5000 + "d",
]  # fmt: skip


@pytest.mark.parametrize("text", NO_TIMES)
def test_what_is_no_time_is_refused_with_the_entry(text: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        read_keep(["completed=7d", f"failed={text}"])
    assert caught.value.msg.startswith(f"{f'failed={text}'!r}: expected a time such as 30m")


@pytest.mark.parametrize("entry", ["pending=7d", "running=7d", "=7d", "Failed=7d", "a=b=7d"])
def test_only_what_ends_can_be_named(entry: str) -> None:
    with pytest.raises(
        InvalidValue, match="expected one of completed, failed, cancelled, expired, audit before the ="
    ):
        read_keep([entry])


@pytest.mark.parametrize("entries", [["7d", "8d"], ["failed=7d", "30d", "failed=7d"]])
def test_one_thing_has_one_time(entries: list[str]) -> None:
    with pytest.raises(InvalidValue, match="this is already set by another entry"):
        read_keep(entries)
