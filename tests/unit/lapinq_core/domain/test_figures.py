"""What figures say of failures."""

from lapinq_core.domain.figures import failure_share


def test_failed_attempts_count_while_nothing_completes() -> None:
    for counts, share in (
        ((0, 0, 0), None),
        ((3, 1, 0), 0.25),
        ((3, 1, 9), 0.25),
        ((3, 0, 9), 0.0),
        ((0, 2, 0), 1.0),
        ((0, 0, 1), 1.0),
    ):
        assert failure_share(*counts) == share, counts
