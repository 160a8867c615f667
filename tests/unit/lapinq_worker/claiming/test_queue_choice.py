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


def of_equals(*queues: str) -> QueueChoice:
    """Each has work of the same rank."""
    choice = QueueChoice({})
    scanned(choice, dict.fromkeys(queues, 0))
    return choice


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
            assert 1 <= turn.limit <= left
            take(choice, turn, turn.limit, rank)
            got[turn.queue] += turn.limit
            left -= turn.limit
    return got


def hint(choice: QueueChoice, queue: str) -> bool:
    """Somebody says that `queue` has work, and a turn of the fetcher begins. Whether the hint is followed."""
    is_news = choice.heard(queue)
    choice.follow_hints()
    return is_news


def come_to_nothing(choice: QueueChoice, queue: str) -> None:
    """A hint of `queue` leads to a claim that gets nothing."""
    assert hint(choice, queue)
    turn = next_turn(choice, 1)
    assert turn.queue == queue
    take(choice, turn, 0)


# --- turns ---


def test_nothing_is_next_until_work_is_known() -> None:
    choice = QueueChoice({})
    assert first(choice, 1) is None
    assert not choice.knows_work
    scanned(choice, {"a": 0})
    assert choice.knows_work
    assert first(choice, 1) == Ask("a", 1, (0, 0), HIGHEST_RANK)
    scanned(choice, {"b": 0})  # which has not found "a"
    assert next_turn(choice, 1).queue == "b"


def test_a_queue_that_is_left_out_is_next_again_after_a_scan() -> None:
    choice = of_equals("a", "b")
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
    hint(choice, "a")  # which is known
    turn = next_turn(choice, 10)
    assert (turn.queue, turn.max_rank) == ("a", max_rank)


def test_equals_share_equally_in_one_claim_each_and_one_place_rotates() -> None:
    choice = of_equals("a", "b", "c")
    turns = dict[str, int]()
    for left in (300, 200, 100):
        turn = next_turn(choice, left)
        take(choice, turn, turn.limit, 0)
        turns[turn.queue] = turn.limit
    assert turns == {"a": 100, "b": 100, "c": 100}
    assert drain(choice, 30, wanted=1) == {"a": 10, "b": 10, "c": 10}


@settings(max_examples=40)
@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 20), min_size=1), st.integers(1, 500))
def test_any_weights_are_kept_to_within_one_claim(weights: dict[str, int], wanted: int) -> None:
    choice = QueueChoice(weights)
    scanned(choice, dict.fromkeys(weights, 0))
    got = drain(choice, 30, wanted)
    assert sum(got.values()) == 30 * wanted
    for queue, weight in weights.items():
        part = 30 * wanted * weight / sum(weights.values())
        assert abs(got[queue] - part) <= wanted + max(weights.values())


def test_a_queue_that_is_new_or_had_nothing_for_long_gets_no_more_than_its_part() -> None:
    choice = of_equals("busy", "rare")
    drain(choice, 1)
    for queue in ("rare", "new"):
        scanned(choice, {"busy": 0})
        drain(choice, 1000, wanted=2)
        hint(choice, queue)
        scanned(choice, {"busy": 0, queue: 0})
        assert drain(choice, 10)[queue] == pytest.approx(50, abs=10), queue


def test_a_turn_is_not_for_less_than_is_soon_done_and_the_shares_stay_even() -> None:
    queues = [f"q{n}" for n in range(100)]
    choice = of_equals(*queues)
    got = Counter[str]()
    for _ in range(250):
        turn = next_turn(choice, 100, 40, queues)
        assert turn.limit >= 40
        take(choice, turn, turn.limit)
        got[turn.queue] += turn.limit
    assert len(got) == 100
    assert max(got.values()) - min(got.values()) <= 100
    assert first(choice, 30, 40, queues) == first(choice, 30, 30, queues)  # never more than is wanted


def test_equals_are_served_together_each_with_its_share_and_others_in_case_that_they_have_nothing() -> None:
    choice = QueueChoice({"video": 3, "mail": 1, "log": 1, "later": 1})
    scanned(choice, {"video": 0, "mail": 0, "log": 0, "later": 5})
    turns = {(turn.queue, turn.limit, turn.max_rank) for turn in choice.next(10)}
    assert turns == {("video", 6, 0), ("mail", 2, 0), ("log", 2, 0)}
    assert [turn.limit for turn in choice.next(1)] == [1, 1, 1]


def test_each_of_many_queues_is_asked_once_and_some_hundreds_at_a_time() -> None:
    queues = [f"q{n:05}" for n in range(3000)]
    choice = of_equals(*queues)
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
    choice = of_equals("a", "b", "c", "d")
    assert [turn.queue for turn in choice.next(4, 1, {"b"})] == ["a", "c", "d"]
    assert [(turn.queue, turn.limit) for turn in choice.next(8, 5, {"a", "d"})] == [("a", 5), ("d", 5)]


# --- marks and hints ---


def test_the_next_claim_starts_at_the_last_key_until_a_full_scan_moves_the_mark() -> None:
    choice = of_equals("a")
    take(choice, next_turn(choice, 3), 3, rank=2, seq=40)
    assert next_turn(choice, 3).mark == (2, 42)
    choice.scanned({"a": (-1, 3)})
    assert next_turn(choice, 1).mark == (-1, 3)
    named = QueueChoice({"a": 1, "b": 2})
    assert (named.named, choice.named) == (["a", "b"], None)
    assert named.lowest_marks() == {"a": LOWEST_MARK, "b": LOWEST_MARK}


def test_tasks_in_lanes_move_no_mark() -> None:
    choice = of_equals("a")
    turn = next_turn(choice, 4)
    # In fair order, say: the last one of a key, and the last without a key long before it.
    claims = [make_claim(rank=0, seq=seq) for seq in (3, 900)]
    choice.claimed(turn, claims, mark=(0, 3), all_of_it=False)
    assert choice.marks == {"a": (0, 3)}
    scanned(choice, {"a": 0})
    choice.claimed(turn, claims[1:], mark=None, all_of_it=False)
    assert choice.marks == {"a": turn.mark}


def test_after_a_short_claim_a_queue_is_empty_until_more_is_heard_of_behind_its_mark() -> None:
    choice = of_equals("a")
    take(choice, next_turn(choice, 2), 1, rank=4, seq=9)
    assert first(choice, 1) is None
    hint(choice, "a")
    turn = next_turn(choice, 1)
    assert (turn.queue, turn.mark) == ("a", (4, 9))


def test_hints_of_queues_that_are_not_served_are_no_news() -> None:
    choice = QueueChoice({"a": 1})
    assert not hint(choice, "b")
    assert first(choice, 1) is None
    assert hint(choice, "a")
    assert hint(choice, "a")
    assert next_turn(choice, 1).queue == "a"


def test_a_hint_is_open_until_its_queue_gives_something_or_a_full_scan_succeeds() -> None:
    choice = of_equals("a")
    take(choice, next_turn(choice, 1), 0)
    assert not choice.asks_for_paused
    come_to_nothing(choice, "a")
    assert choice.has_open_hints
    assert choice.asks_for_paused
    assert hint(choice, "a")
    take(choice, next_turn(choice, 1), 1, 0)
    assert not choice.has_open_hints
    come_to_nothing(choice, "b")
    scanned(choice, {})
    assert not choice.has_open_hints
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
    come_to_nothing(choice, "a")
    scanned(choice, {}, ["a"])
    assert not choice.asks_for_paused  # without further hints it is forgotten
    scanned(choice, {})
    assert hint(choice, "a")


def test_a_hint_during_a_claim_is_followed_in_the_next_turn() -> None:
    choice = of_equals("a")
    turn = next_turn(choice, 3)
    assert choice.heard("a")
    take(choice, turn, 2, rank=4, seq=8)
    # Not in this one: hints that keep coming must not hold it up.
    assert first(choice, 3) is None
    choice.follow_hints()
    turn = next_turn(choice, 3)
    assert (turn.queue, turn.mark) == ("a", (4, 9))


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


def test_a_short_claim_below_anothers_rank_asks_what_is_beyond() -> None:
    choice = of_equals("a", "b")
    full = next_turn(choice, 10)
    take(choice, full, full.limit, 0)
    assert choice.peek_after(full) == {}
    turn = next_turn(choice, 10)
    take(choice, turn, 1, 0, seq=8)
    assert choice.peek_after(turn) == {turn.queue: (1, 0)}
    choice.peeked_after(turn, {turn.queue: (6, 0)})
    other = next_turn(choice, 10)
    assert (other.queue != turn.queue, other.max_rank) == (True, 6)
    # What it left below the other's rank may not start: it is in a lane.
    choice.peeked_after(turn, {turn.queue: (0, 7)})
    assert next_turn(choice, 10).max_rank == 6
    scanned(choice, {"a": 0})
    unbounded = next_turn(choice, 10)
    take(choice, unbounded, 1, 0)
    assert choice.peek_after(unbounded) == {}


def test_what_a_short_claim_left_below_anothers_rank_may_not_start() -> None:
    choice = of_equals("a", "b")
    for queue in ("a", "b"):
        turn = next_turn(choice, 10)
        assert turn.queue == queue
        take(choice, turn, 0, 0)
        choice.peeked_after(turn, {queue: (0, 7)})  # in a lane
    assert first(choice, 10) is None


def test_memory_is_bounded_when_queues_come_and_go() -> None:
    choice = QueueChoice({})
    for n in range(MAX_REMEMBERED + 200):
        scanned(choice, {f"queue-{n}": 0})
        take(choice, next_turn(choice, 2), 1, 0)
        hint(choice, f"hinted-{n}")
    remembered = [len(each) for each in vars(choice).values() if isinstance(each, dict)]  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    assert max(remembered) <= MAX_REMEMBERED + 1
    assert len(choice._hints) <= MAX_HINTS + 1
    assert len(choice._order) < 200


# --- settings ---


def test_queues_are_read_with_their_weights() -> None:
    assert parse_queues(("video=3", "mail", "a b=1")) == {"video": 3, "mail": 1, "a b": 1}
    assert parse_queues(()) == {}


@pytest.mark.parametrize(
    "text", ["", "=3", "video=", "video=0", "video=1001", "video=-1", "video=x", "video=²", "a\nb"]
)
def test_a_queue_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        parse_queues((text,))
