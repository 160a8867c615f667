"""The end of a log: whole lines, and how many are missing before them."""

import pytest

from lapinq_worker.running.attempt_log import MAX_LINES, AttemptLog, latest

AT = "2026-01-31T12:00:00.000Z INFO"


def log_of(*words: str) -> str:
    log = AttemptLog()
    for one in words:
        log.add(f"{AT} {one}")
    return log.text()


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (log_of("a", "b"), log_of("a", "b")),
        (log_of("x" * 150, "a\nb", "c"), "… 1 earlier lines left out …\n" + log_of("a\nb", "c")),
        (log_of("a", "b\n" + "y" * 150, "c"), "… 2 earlier lines left out …\n" + log_of("c")),
        (
            f"… 7 earlier lines left out …\n{log_of('x' * 150, 'a')}",
            f"… 8 earlier lines left out …\n{log_of('a')}",
        ),
    ],
)
def test_the_end_begins_with_a_whole_line_and_counts_those_before(text: str, kept: str) -> None:
    assert latest(text, 180) == kept


def test_both_count_lines_alike() -> None:
    text = log_of(*(f"line {number}\nmore" for number in range(MAX_LINES + 10)))
    assert text.startswith("… 10 earlier lines left out …\n")
    short = latest(text, 400)
    assert len(short) <= 400
    number = int(short.split()[1])
    assert short.split("\n")[1] == f"{AT} line {number}"
