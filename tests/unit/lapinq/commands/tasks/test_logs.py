"""Which lines of a growing log are new."""

from lapinq.commands.tasks.logs import new_lines


def test_only_lines_that_were_not_there_are_new() -> None:
    left_out = "… {} earlier lines left out …"
    for before, now, new in (
        ("", "", ""),
        ("", "a b", "a b"),
        ("a", "a b c", "b c"),
        ("a b", "a b", ""),
        ("a a", "a a a", "a"),
        ("a b c", "1 b c d", "d"),
        ("1 b c", "2 c d e", "d e"),
        ("1 b c", "3 d e", "3 d e"),
    ):
        lines = (
            [left_out.format(one) if one.isdigit() else one for one in text.split()]
            for text in (before, now, new)
        )
        first, second, expected = lines
        assert list(new_lines(first, second)) == expected, (before, now)
