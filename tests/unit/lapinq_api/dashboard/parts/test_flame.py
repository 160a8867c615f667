"""A profile as a flame graph and as a table."""

from lapinq_api.dashboard.parts.flame import Box, flame_of, functions_of
from lapinq_core.domain.tasks.diagnostics.profile import WAITING, Frame, Profile, collapsed

MAIN, MAIL, SEND = (Frame(name, f"/srv/app/{name}.py", 1) for name in ("main", "mail", "send"))
LIBRARY = Frame("post", "/srv/.venv/lib/python3.12/site-packages/http.py", 7)


def profile(*stacks: tuple[int, tuple[Frame, ...]]) -> Profile:
    return collapsed({frames: samples for samples, frames in stacks}, interval=0.005, seconds=1.0)


MADE = profile((60, (MAIN, MAIL, LIBRARY)), (20, (MAIN, SEND)), (20, (MAIN,)))


def drawn(boxes: list[Box]) -> list[tuple[str, int, float, float]]:
    return [(box.frame.name if box.frame else "", box.depth, box.x, box.width) for box in boxes]


def test_boxes_are_as_wide_as_their_share_and_stand_below_their_callers() -> None:
    flame = flame_of(MADE)
    assert sorted(drawn(list(flame.boxes)), key=lambda one: one[1:]) == [
        ("", 0, 0, 100),
        ("main", 1, 0, 100),
        ("mail", 2, 0, 60),
        ("send", 2, 60, 20),
        ("post", 3, 0, 60),
    ]
    assert flame.levels == 4
    assert [box.is_users for box in flame.boxes if box.frame in (MAIN, LIBRARY)] == [True, False]


def test_a_chosen_call_takes_the_whole_width_below_those_that_lead_to_it() -> None:
    [mail] = [box for box in flame_of(MADE).boxes if box.frame == MAIL]
    flame = flame_of(MADE, mail.place)
    assert drawn(list(flame.boxes)) == [
        ("", 0, 0, 100),
        ("main", 1, 0, 100),
        ("mail", 2, 0, 100),
        ("post", 3, 0, 100),
    ]
    assert [box.is_around for box in flame.boxes] == [True, True, False, False]
    for place in (-1, 5, 10**9):  # nothing is there
        assert flame_of(MADE, place) == flame_of(MADE)


def test_functions_are_listed_by_their_own_time_and_recursion_counts_once() -> None:
    made = profile((30, (MAIN, MAIL, MAIL)), (50, (MAIN, SEND)))
    assert [(one.frame.name, one.own, one.total) for one in functions_of(made)] == [
        ("send", 50, 50),
        ("mail", 30, 30),
    ]


def test_waiting_is_nobodys_code() -> None:
    [waiting] = [box for box in flame_of(profile((1, (MAIN, WAITING)))).boxes if box.frame == WAITING]
    assert (waiting.is_waiting, waiting.is_users) == (True, False)


def test_a_large_or_empty_profile_has_a_bound() -> None:
    many = profile(*((1, (MAIN, Frame(f"f{number}", "a.py", 1))) for number in range(4000)))
    assert len(flame_of(many).boxes) == 2  # the rest is too narrow
    assert drawn(list(flame_of(profile()).boxes)) == []
    assert functions_of(profile()) == []
