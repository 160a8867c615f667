"""How often tests try what is different each time: a quarter by default, in full with `./scripts/test --all`."""

import os

_SHARE = 1 if os.environ.get("LAPINQ_TEST_ALL") == "1" else 4


def tries(count: int) -> int:
    """As many examples, rounds or callers at once as a test that has `count` in full shall have in this run."""
    return count // _SHARE
