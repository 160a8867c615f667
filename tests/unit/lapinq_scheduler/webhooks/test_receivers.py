"""How many webhooks may be on their way: to each host, and to all that are failing or new."""

from lapinq_scheduler.webhooks.receivers import MAX_AT_ONCE, QUICK_SECONDS, Receivers

PER_HOST = 4
MAX_DOUBTFUL = MAX_AT_ONCE // 2


def ended(receivers: Receivers, host: str, *, answered: bool, seconds: float = 0.0) -> None:
    receivers.started(host)
    receivers.ended(host, answered=answered, seconds=seconds)


def test_one_host_gets_a_few_at_once_and_an_end_gives_the_place_back() -> None:
    receivers = Receivers(PER_HOST)
    for left in range(PER_HOST - 1, -1, -1):
        receivers.started("a")
        assert receivers.places() == {"a": left}
    assert receivers.free == MAX_AT_ONCE - PER_HOST
    receivers.ended("a", answered=True)
    assert receivers.places() == {"a": 1}
    for _ in range(PER_HOST - 1):
        receivers.ended("a", answered=True)
    assert (receivers.free, receivers.places()) == (MAX_AT_ONCE, {})


def test_one_in_trouble_gets_one_at_a_time_until_it_answers() -> None:
    receivers = Receivers(PER_HOST)
    ended(receivers, "a", answered=False)
    assert receivers.places() == {"a": 1}
    receivers.started("a")
    assert receivers.places() == {"a": 0}
    receivers.ended("a", answered=True)
    assert receivers.places() == {}


def test_those_in_trouble_never_take_more_than_half_of_the_places_and_so_many_are_remembered() -> None:
    receivers = Receivers(PER_HOST)
    for number in range(50):
        ended(receivers, f"{number}", answered=False)
    places = receivers.places()
    assert sum(places.values()) == MAX_DOUBTFUL
    assert (places["0"], places["49"]) == (1, 0)
    receivers.started("0")
    assert sum(receivers.places().values()) == MAX_DOUBTFUL - 1
    receivers.ended("0", answered=False)
    for number in range(2000):
        ended(receivers, f"{number}", answered=False)
    assert len(receivers.places()) == 1000


def test_half_of_the_places_are_for_those_that_answered_the_last_time() -> None:
    receivers = Receivers(PER_HOST)
    ended(receivers, "known", answered=True)
    for number in range(MAX_DOUBTFUL):
        assert receivers.free_for_any == MAX_DOUBTFUL - number
        receivers.started(f"new {number}")
    assert receivers.free_for_any == 0
    assert receivers.free == MAX_AT_ONCE - MAX_DOUBTFUL
    receivers.started("known")
    assert receivers.known_places() == {"known": PER_HOST - 1}
    receivers.ended("known", answered=False)
    assert receivers.known_places() == {}
    assert receivers.free_for_any == 0
    receivers.ended("new 0", answered=True)
    assert receivers.known_places() == {"new 0": PER_HOST}
    assert receivers.free_for_any == 1


def test_one_that_answers_late_gets_a_few_at_once_but_no_place_of_the_known() -> None:
    receivers = Receivers(PER_HOST)
    ended(receivers, "late", answered=True, seconds=QUICK_SECONDS + 1)
    assert (receivers.places(), receivers.known_places()) == ({}, {})
    receivers.started("late")
    assert receivers.free_for_any == MAX_DOUBTFUL - 1


def test_where_a_host_gets_more_all_together_get_twice_as_many() -> None:
    receivers = Receivers(50)
    assert (receivers.at_once, receivers.free_for_any) == (100, 50)
    receivers.started("a")
    assert receivers.places() == {"a": 49}
