"""How many refusals are noted of one person or key in a while."""

from lapinq_api.credentials.refusal_limits import WINDOW_SECONDS, RefusalLimits

LIMIT = 3


def test_beyond_the_most_they_are_counted_and_the_next_window_tells_how_many_there_were() -> None:
    now = 1000.0
    refusals = RefusalLimits(lambda: now)
    taken = [refusals.take("lisa", LIMIT) for _ in range(LIMIT + 5)]
    assert taken == [0] * LIMIT + [None] * 5
    assert refusals.take("bob", LIMIT) == 0
    now += WINDOW_SECONDS - 1
    assert refusals.take("lisa", LIMIT) is None
    now += 1
    assert [refusals.take("lisa", LIMIT), refusals.take("lisa", LIMIT)] == [6, 0]
