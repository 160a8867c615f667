"""Which queue is next: by priority, then fairly, within bounded memory."""

# pyright: reportPrivateUsage=false

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lapinq_core.domain.errors import InvalidValue
from lapinq_core.tasks.claiming import HIGHEST_RANK, LOWEST_MARK, Ask
from lapinq_worker.claiming.queue_choice import (
    MAX_HINTS,
    MAX_REMEMBERED,
    MOST_AT_ONCE,
    QueueChoice,
    parse_queues,
)
from tests.unit.lapinq_worker.claims import first, make_claim, next_turn, scanned


def take(choice: QueueChoice, turn: Ask, count: int, rank: int | None = None, seq: int = 0) -> None:
    """Tells `choice` that the turn's claim got `count` tasks."""
    rank = turn.max_rank if rank is None else rank
    claims = [make_claim(rank=rank, seq=seq + n) for n in range(count)]
    mark = (rank, seq + count - 1) if count else None
    choice.claimed(turn, claims, mark=mark, all_of_it=count >= turn.limit)


def drain(choice: QueueChoice, rounds: int, wanted: int = 10, rank: int = 0) -> Counter[str]:
    """How many each queue gets in `rounds` claims of `wanted`, when all have more than is asked for."""
    got = Counter[str]()
    for _ in range(rounds):
        left = wanted
        while left:
            turn = next_turn(choice, left)
            take(choice, turn, turn.limit, rank)
            got[turn.queue] += turn.limit
            left -= turn.limit
    return got


def test_tasks_in_lanes_move_no_mark() -> None:
    choice = QueueChoice({})
    scanned(choice, {"a": 0})
    turn = next_turn(choice, 4)
    # In fair order, say: the last one of a key, and the last without a key long before it.
    claims = [make_claim(rank=0, seq=seq) for seq in (3, 900)]
    choice.claimed(turn, claims, mark=(0, 3), all_of_it=False)
    assert choice.marks == {"a": (0, 3)}
    scanned(choice, {"a": 0})
    choice.claimed(turn, claims[1:], mark=None, all_of_it=False)
    assert choice.marks == {"a": turn.mark}


def test_a_turn_is_not_for_less_than_is_soon_done_and_the_shares_stay_even() -> None:
    choice = QueueChoice({})
    queues = [f"q{n}" for n in range(100)]
    scanned(choice, dict.fromkeys(queues, 0))
    got = Counter[str]()
    for _ in range(250):
        turn = next_turn(choice, 100, 40, queues)
        assert turn.limit >= 40
        take(choice, turn, turn.limit)
        got[turn.queue] += turn.limit
    assert len(got) == 100
    assert max(got.values()) - min(got.values()) <= 100
    assert first(choice, 30, 40, queues) == first(choice, 30, 30, queues)  # never more than is wanted


def hint(choice: QueueChoice, queue: str) -> bool:
    """Somebody says that `queue` has work, and a turn of the fetcher begins. Whether the hint is followed."""
    is_news = choice.heard(queue)
    choice.follow_hints()
    return is_news


def test_nothing_is_next_until_work_is_known() -> None:
    choice = QueueChoice({})
    assert first(choice, 1) is None
    assert not choice.knows_work
    scanned(choice, {"a": 0})
    assert choice.knows_work
    assert first(choice, 1) == Ask("a", 1, (0, 0), HIGHEST_RANK)


def test_a_queue_that_is_left_out_is_next_again_after_a_scan() -> None:
    choice = QueueChoice({})
    scanned(choice, {"a": 0, "b": 0})
    choice.leave_out({"a", "unknown"})
    assert [ask.queue for ask in choice.next(9)] == ["b"]
    scanned(choice, {"a": 0, "b": 0})
    assert {ask.queue for ask in choice.next(9)} == {"a", "b"}


@pytest.mark.parametrize("weights", [{}, {"low": 1000, "high": 1}], ids=["equal", "weighted"])
def test_the_highest_priority_is_next_whatever_its_queue_got_before(weights: dict[str, int]) -> None:
    choice = QueueChoice(weights)
    scanned(choice, {"low": 0, "high": -5})
    assert drain(choice, 50, rank=-5) == {"high": 500}


@pytest.mark.parametrize(
    ("ranks", "max_rank"), [({"a": -5, "b": -2, "c": 7}, -2), ({"a": 3, "b": 3, "c": 9}, 3)]
)
def test_a_turn_does_not_pass_what_waits_elsewhere(ranks: dict[str, int], max_rank: int) -> None:
    choice = QueueChoice({})
    scanned(choice, ranks)
    turn = next_turn(choice, 10)
    assert (turn.queue, turn.max_rank) == ("a", max_rank)


def test_equals_share_equally_in_one_claim_each() -> None:
    choice = QueueChoice({})
    scanned(choice, {"a": 0, "b": 0, "c": 0})
    turns = list[Ask]()
    left = 300
    while left:
        turn = next_turn(choice, left)
        take(choice, turn, turn.limit, 0)
        turns.append(turn)
        left -= turn.limit
    assert sorted(turn.queue for turn in turns) == ["a", "b", "c"]
    assert [turn.limit for turn in turns] == [100, 100, 100]


def test_one_place_rotates_over_equals() -> None:
    choice = QueueChoice({})
    scanned(choice, {"a": 0, "b": 0, "c": 0})
    assert drain(choice, 30, wanted=1) == {"a": 10, "b": 10, "c": 10}


def test_weights_divide_the_places() -> None:
    choice = QueueChoice({"video": 3, "mail": 1})
    scanned(choice, {"video": 0, "mail": 0})
    got = drain(choice, 100, wanted=7)
    assert got["video"] == pytest.approx(525, abs=7)


def test_a_queue_that_had_nothing_for_long_does_not_save_up_turns() -> None:
    choice = QueueChoice({})
    scanned(choice, {"busy": 0, "rare": 0})
    drain(choice, 1)
    scanned(choice, {"busy": 0})
    drain(choice, 1000)
    scanned(choice, {"busy": 0, "rare": 0})
    assert drain(choice, 10)["rare"] == pytest.approx(50, abs=10)


def test_a_new_queue_gets_no_more_than_its_part() -> None:
    choice = QueueChoice({})
    scanned(choice, {"old": 0})
    drain(choice, 1000)
    hint(choice, "new")
    scanned(choice, {"old": 0, "new": 0})
    assert drain(choice, 10)["new"] == pytest.approx(50, abs=10)


def test_the_backlog_of_one_queue_does_not_slow_another() -> None:
    choice = QueueChoice({})
    waiting = Counter({"huge": 1_000_000, "small": 5})
    scanned(choice, {"huge": 0, "small": 0})
    got = Counter[str]()
    for _ in range(20):
        turn = next_turn(choice, 1)
        count = min(turn.limit, waiting[turn.queue])
        waiting[turn.queue] -= count
        got[turn.queue] += count
        take(choice, turn, count, 0)
    assert got["small"] == 5


@settings(max_examples=40)
@given(
    st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 20), min_size=1),
    st.integers(1, 500),
)
def test_any_weights_are_kept_to_within_one_claim(weights: dict[str, int], wanted: int) -> None:
    choice = QueueChoice(weights)
    scanned(choice, dict.fromkeys(weights, 0))
    rounds = 30
    got = drain(choice, rounds, wanted)
    total = rounds * wanted
    assert sum(got.values()) == total
    for queue, weight in weights.items():
        part = total * weight / sum(weights.values())
        assert abs(got[queue] - part) <= wanted + max(weights.values())


@settings(max_examples=40)
@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 20), min_size=1), st.integers(1, 500))
def test_a_turn_asks_for_something_and_for_no_more_than_wanted(weights: dict[str, int], wanted: int) -> None:
    choice = QueueChoice(weights)
    scanned(choice, dict.fromkeys(weights, 0))
    for _ in range(20):
        turn = next_turn(choice, wanted)
        assert 1 <= turn.limit <= wanted
        take(choice, turn, turn.limit, 0)


def test_the_next_claim_starts_at_the_last_key_until_a_full_scan_moves_the_mark() -> None:
    choice = QueueChoice({})
    scanned(choice, {"a": 0})
    take(choice, next_turn(choice, 3), 3, rank=2, seq=40)
    assert next_turn(choice, 3).mark == (2, 42)
    choice.scanned({"a": (-1, 3)})
    assert next_turn(choice, 1).mark == (-1, 3)


def test_a_queue_not_found_by_a_full_scan_has_no_work() -> None:
    choice = QueueChoice({})
    scanned(choice, {"a": 0, "b": 0})
    scanned(choice, {"b": 0})
    assert next_turn(choice, 1).queue == "b"


def test_after_a_short_claim_a_queue_is_empty_until_more_is_heard_of_behind_its_mark() -> None:
    choice = QueueChoice({})
    scanned(choice, {"a": 0})
    take(choice, next_turn(choice, 2), 1, rank=4, seq=9)
    assert first(choice, 1) is None
    hint(choice, "a")
    turn = next_turn(choice, 1)
    assert (turn.queue, turn.mark) == ("a", (4, 9))


def test_hearing_of_known_work_changes_nothing() -> None:
    choice = QueueChoice({})
    scanned(choice, {"a": -7, "b": -3})
    hint(choice, "a")
    assert next_turn(choice, 1).max_rank == -3


def come_to_nothing(choice: QueueChoice, queue: str) -> None:
    """A hint of `queue` leads to a claim that gets nothing."""
    assert hint(choice, queue)
    turn = next_turn(choice, 1)
    assert turn.queue == queue
    take(choice, turn, 0)


def test_hints_of_queues_that_are_not_served_are_no_news() -> None:
    choice = QueueChoice({"a": 1})
    assert not hint(choice, "b")
    assert first(choice, 1) is None
    assert hint(choice, "a")
    assert hint(choice, "a")
    assert next_turn(choice, 1).queue == "a"


def test_a_hint_that_came_to_nothing_makes_it_wonder_what_is_paused() -> None:
    choice = QueueChoice({})
    scanned(choice, {"a": 0})
    take(choice, next_turn(choice, 1), 0)
    assert not choice.asks_for_paused
    come_to_nothing(choice, "b")
    assert choice.asks_for_paused
    scanned(choice, {}, [])
    assert not choice.asks_for_paused


def test_hints_of_a_paused_queue_are_ignored_while_it_is_known_to_be_paused() -> None:
    choice = QueueChoice({})
    come_to_nothing(choice, "a")
    scanned(choice, {}, ["a", "c"])
    assert not hint(choice, "a")
    assert first(choice, 1) is None
    assert choice.asks_for_paused
    assert not choice.has_open_hints  # so nobody scans sooner
    scanned(choice, {}, ["a"])
    assert not hint(choice, "a")
    scanned(choice, {"a": 3}, ["a"])  # it was resumed between the two questions
    assert hint(choice, "a")
    assert next_turn(choice, 1).queue == "a"


def test_without_further_hints_a_paused_queue_is_forgotten() -> None:
    choice = QueueChoice({})
    come_to_nothing(choice, "a")
    scanned(choice, {}, ["a"])
    assert not choice.asks_for_paused
    scanned(choice, {})
    assert hint(choice, "a")


def test_a_hint_during_a_claim_is_followed_in_the_next_turn() -> None:
    choice = QueueChoice({})
    scanned(choice, {"a": 0})
    turn = next_turn(choice, 3)
    assert choice.heard("a")
    take(choice, turn, 2, rank=4, seq=8)
    # Not in this one: hints that keep coming must not hold it up.
    assert first(choice, 3) is None
    choice.follow_hints()
    turn = next_turn(choice, 3)
    assert (turn.queue, turn.mark) == ("a", (4, 9))


def test_a_hint_during_a_scan_outlives_it() -> None:
    choice = QueueChoice({})
    assert choice.heard("a")
    scanned(choice, {"b": 0})
    choice.follow_hints()
    served = list[str]()
    while turn := first(choice, 1):
        take(choice, turn, 0)
        served.append(turn.queue)
    assert sorted(served) == ["a", "b"]


def test_a_hint_is_open_until_its_queue_gives_something_or_a_full_scan_succeeds() -> None:
    choice = QueueChoice({})
    come_to_nothing(choice, "a")
    assert choice.has_open_hints
    assert hint(choice, "a")
    take(choice, next_turn(choice, 1), 1, 0)
    assert not choice.has_open_hints
    come_to_nothing(choice, "b")
    scanned(choice, {})
    assert not choice.has_open_hints


@settings(max_examples=60)
@given(st.data())
def test_no_interleaving_of_hints_claims_and_scans_leaves_a_task_behind(data: st.DataObject) -> None:
    choice = QueueChoice({})
    waiting = Counter[str]()
    is_woken = False
    to_come = data.draw(st.integers(1, 12))

    def enter() -> None:
        nonlocal is_woken, to_come
        for queue in data.draw(st.lists(st.sampled_from("ab"), max_size=min(2, to_come))):
            to_come -= 1
            waiting[queue] += 1
            is_woken |= choice.heard(queue)

    def turn() -> None:
        if data.draw(st.booleans()):
            found = dict.fromkeys(+waiting, 0)
            enter()
            scanned(choice, found)
        choice.follow_hints()
        while claim := first(choice, 2):
            taken = min(claim.limit, waiting[claim.queue])
            waiting[claim.queue] -= taken
            enter()
            take(choice, claim, taken, 0)

    enter()
    while is_woken:
        is_woken = False
        turn()
    assert not +waiting


def of_two_equals() -> QueueChoice:
    choice = QueueChoice({})
    scanned(choice, {"a": 0, "b": 0})
    return choice


def test_a_short_claim_below_anothers_rank_asks_what_is_beyond() -> None:
    choice = of_two_equals()
    turn = next_turn(choice, 10)
    take(choice, turn, 1, 0, seq=8)
    assert choice.peek_after(turn) == {turn.queue: (1, 0)}
    choice.peeked_after(turn, {turn.queue: (6, 0)})
    other = next_turn(choice, 10)
    assert other.queue != turn.queue
    assert other.max_rank == 6


def test_what_a_short_claim_left_below_anothers_rank_may_not_start() -> None:
    choice = of_two_equals()
    turn = next_turn(choice, 10)
    take(choice, turn, 0, 0)
    choice.peeked_after(turn, {turn.queue: (0, 7)})  # in a lane
    other = next_turn(choice, 10)
    assert other.queue != turn.queue
    take(choice, other, 0, 0)
    choice.peeked_after(other, {other.queue: (0, 7)})
    assert first(choice, 10) is None


def test_nothing_is_asked_after_a_claim_that_was_full_or_unbounded() -> None:
    choice = of_two_equals()
    full = next_turn(choice, 10)
    take(choice, full, full.limit, 0)
    assert choice.peek_after(full) == {}
    choice = QueueChoice({})
    scanned(choice, {"a": 0})
    unbounded = next_turn(choice, 10)
    take(choice, unbounded, 1, 0)
    assert choice.peek_after(unbounded) == {}


def test_full_scans_of_named_queues_start_at_the_lowest_mark() -> None:
    choice = QueueChoice({"a": 1, "b": 2})
    assert choice.named == ["a", "b"]
    assert choice.lowest_marks() == {"a": LOWEST_MARK, "b": LOWEST_MARK}
    assert QueueChoice({}).named is None


def test_memory_is_bounded_when_queues_come_and_go() -> None:
    choice = QueueChoice({})
    for n in range(MAX_REMEMBERED + 2000):
        scanned(choice, {f"queue-{n}": 0})
        take(choice, next_turn(choice, 10), 5, 0)
        hint(choice, f"hinted-{n}")
    remembered = [len(each) for each in vars(choice).values() if isinstance(each, dict)]  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    assert max(remembered) <= MAX_REMEMBERED + 1
    assert len(choice._hints) <= MAX_HINTS + 1
    assert len(choice._order) < 200


def test_equals_are_served_together_each_with_its_share_and_others_in_case_that_they_have_nothing() -> None:
    choice = QueueChoice({"video": 3, "mail": 1, "log": 1, "later": 1})
    scanned(choice, {"video": 0, "mail": 0, "log": 0, "later": 5})
    turns = choice.next(10)
    assert {(turn.queue, turn.limit, turn.max_rank) for turn in turns} == {
        ("video", 6, 0),
        ("mail", 2, 0),
        ("log", 2, 0),
    }
    assert [turn.limit for turn in choice.next(1)] == [1, 1, 1]


def test_each_of_many_queues_is_asked_once_and_some_hundreds_at_a_time() -> None:
    choice = QueueChoice({})
    queues = [f"q{n:05}" for n in range(10_000)]
    scanned(choice, dict.fromkeys(queues, 0))
    asked = Counter[str]()
    while len(turns := choice.next(2000)) > 1:
        assert len(turns) <= MOST_AT_ONCE
        for turn in turns:
            asked[turn.queue] += 1
            take(choice, turn, 0, 0)
    assert asked == Counter(queues)


def test_queues_that_had_nothing_come_after_those_that_were_not_asked() -> None:
    choice = QueueChoice({})
    queues = [f"q{n}" for n in range(100)]
    asked = Counter[str]()
    for _ in range(10):
        scanned(choice, dict.fromkeys(queues, 0))  # which finds work in those that may start nothing, too
        for turn in choice.next(10, 1, queues)[:10]:
            asked[turn.queue] += 1
            take(choice, turn, 0, 0)
    assert asked == Counter(queues)


def test_queues_that_must_be_alone_come_without_others() -> None:
    choice = QueueChoice({})
    scanned(choice, {"a": 0, "b": 0, "c": 0, "d": 0})
    assert [turn.queue for turn in choice.next(4, 1, {"b"})] == ["a", "c", "d"]
    assert [(turn.queue, turn.limit) for turn in choice.next(8, 5, {"a", "d"})] == [("a", 5), ("d", 5)]


def test_queues_are_read_with_their_weights() -> None:
    assert parse_queues(("video=3", "mail", "a b=1")) == {"video": 3, "mail": 1, "a b": 1}
    assert parse_queues(()) == {}


@pytest.mark.parametrize(
    "text", ["", "=3", "video=", "video=0", "video=1001", "video=-1", "video=x", "video=²", "a\nb"]
)
def test_a_queue_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        parse_queues((text,))
