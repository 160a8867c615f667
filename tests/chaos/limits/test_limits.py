"""Everything that limits starts, with workers that are killed and rules that change.

The tasks' own log of starts and ends is the judge. Of lapinq's own it uses two things. The numbers of claims say under
which rule each was made. The times of claims are those at which tokens are taken; the log confirms that each task
starts shortly after.
"""

import os
import random
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from lapinq_core.doctor.finding import Severity
from lapinq_core.doctor.verifying import verify
from lapinq_core.domain.limits.policy import Policy
from lapinq_core.domain.limits.rate import Rate
from lapinq_core.limits import named_limits
from lapinq_core.tasks import queues
from tests.chaos.limits.journal import Attempt, Run, attempts_of, grouped, lags, runs_of
from tests.chaos.limits.judges import (
    COMMIT_SECONDS,
    Taken,
    check_order,
    check_rate,
    check_running,
    check_shares,
    check_starts,
    constant,
    largest_window,
)
from tests.chaos.limits.rules import Reign, Supply
from tests.chaos.limits.storm import (
    BIG_KEYS,
    CLOSED_SECONDS,
    LARGE,
    LIMITS,
    MOST_UNITS,
    QUEUES,
    SMALL,
    Rules,
    Storm,
    Work,
    tasks_of,
    work_of,
)
from tests.support.database.invariants import check_invariants, statuses
from tests.support.database.running import on_connections
from tests.support.eventually import eventually
from tests.support.programs.processes import QUICK_LEASE, WorkerProcess
from tests.support.rows.enqueueing import enqueue_all
from tests.support.rows.factories import SOMEBODY, Conn

SEED = int(os.environ.get("LAPINQ_TEST_SEED", "37"))
KINDS = {
    "coroutines": ("ajournaled", ("--concurrency", "12")),
    "threads": ("journaled", ("--concurrency", "12", "--pool", "threads")),
    "processes": ("journaled", ("--concurrency", "4", "--pool", "processes")),
}


class History(NamedTuple):
    """What happened in a run."""

    work: list[Work]
    runs: list[Run]
    attempts: list[Attempt]
    reigns: list[Reign[Rules]]


@pytest.mark.parametrize(
    ("storm", "kind"),
    [
        pytest.param(SMALL, "coroutines", id="small"),
        *(pytest.param(LARGE, kind, id=f"large-{kind}", marks=pytest.mark.slow) for kind in KINDS),
    ],
)
def test_no_limit_is_ever_exceeded(database: str, tmp_path: Path, storm: Storm, kind: str) -> None:
    chance = random.Random(SEED)
    function, options = KINDS[kind]
    journal = tmp_path / "journal"
    work = work_of(storm, chance)
    tasks = tasks_of(work, function, str(journal), chance)
    expected = {"completed": sum(not one.is_hopeless for one in work)}
    if len(work) > expected["completed"]:
        expected["failed"] = len(work) - expected["completed"]
    reigns = [change(database, storm.rules[0])]
    kills: dict[int, float] = {}
    with ExitStack() as stack:

        def start_worker() -> WorkerProcess:
            return stack.enter_context(WorkerProcess(database, *options, env=QUICK_LEASE))

        workers = [start_worker() for _ in range(storm.workers)]
        ids = enqueue_all(database, tasks)
        for kill in range(1, storm.kills + 1):
            share = 2 * len(work) * kill // (storm.kills + 1)
            eventually(lambda share=share: lines(journal) >= share, 120)
            victim = workers.pop(chance.randrange(len(workers)))
            kills[victim.pid] = time.monotonic()
            victim.kill()
            reigns.append(change(database, storm.rules[kill % len(storm.rules)]))
            workers.append(start_worker())
        eventually(lambda: statuses(database) == expected, 180)
    check_invariants(database, ids)
    differing = [
        name for name, found in on_connections(database, verify).items() if found[0].severity != Severity.OK
    ]
    assert not differing, f"lapinq doctor --verify finds differences: {differing}"
    judge(History(work, runs_of(journal, kills), attempts_of(database), reigns))


def judge(history: History) -> None:
    work = {one.name: one for one in history.work}
    runs = history.runs
    assert {run.task for run in runs if run.how == "end"} >= {
        name for name, one in work.items() if not one.is_hopeless
    }, "lost"
    check_starts(runs, {name: one.starts for name, one in work.items()})
    lag = max(lags(runs, history.attempts))
    for queue in QUEUES:
        judge_queue(history, queue, lag)
    for name in LIMITS:
        judge_limit(history, work, name)
    for key, those in grouped((run for run in runs if run.queue == "strict"), lambda run: run.key).items():
        check_order(those, f"key {key}")
    judge_shares(history, work)


def judge_queue(history: History, queue: str, lag: float) -> None:
    runs = [run for run in history.runs if run.queue == queue]
    attempts = [attempt for attempt in history.attempts if attempt.queue == queue]
    policies = [reign.with_rule(reign.rule.of(queue)) for reign in history.reigns]
    most = check_running(runs, policies, lambda policy: policy.max_running, queue)
    say(f"{queue}: at most {most} ran; {len(runs)} starts, up to {lag:.3f} s after their claims")
    by_key = grouped(runs, lambda run: run.key)
    for key, those in by_key.items():
        check_running(those, policies, lambda policy: policy.max_running_per_key, f"key {key} of {queue}")
    if policies[0].rule.rate:
        supply = Supply(policies, lambda policy: policy.rate)
        check_rate([Taken(one.claimed_at, 1) for one in attempts], supply, f"claims of {queue}")
        starts = sorted(run.started_at for run in runs)
        check_rate([Taken(at, 1) for at in starts], supply, f"starts of {queue}", lag=lag)
        say_windows(queue, policies, starts)
    if policies[0].rule.rate_per_key:
        for key in by_key:
            claims = [one.claimed_at for one in attempts if one.key == key]
            judge_key_rate(claims, policies, f"key {key} of {queue}")


def judge_key_rate(claims: list[float], policies: list[Reign[Policy]], what: str) -> None:
    """The bucket of a key fills by the rule that holds when a claim looks: each rule is judged from its change on."""
    for reign, until in zip(policies, [*(after.sent for after in policies[1:]), float("inf")], strict=True):
        rate = reign.rule.rate_per_key
        assert rate is not None
        those = [Taken(at, 1) for at in claims if reign.held <= at <= until]
        check_rate(those, constant(rate), what)


def judge_limit(history: History, work: dict[str, Work], name: str) -> None:
    taking = {task: one for task, one in work.items() if name in one.limits}
    runs = [run for run in history.runs if run.task in taking]
    attempts = [attempt for attempt in history.attempts if attempt.task in taking]
    rules = [reign.with_rule(reign.rule.limit(name)) for reign in history.reigns]
    most = check_running(runs, rules, lambda rule: rule.max_running, name)
    say(f"{name}: at most {most} ran, of {len(runs)}")
    to_clock = runs[0].started_at - runs[0].start
    corrections = [
        Taken(run.end + to_clock, taking[run.task].spends[name] - taking[run.task].limits[name])
        for run in runs
        if run.how in ("end", "failed") and name in taking[run.task].spends
    ]
    check_rate(
        [Taken(one.claimed_at, taking[one.task].limits[name]) for one in attempts],
        Supply(rules, lambda rule: rule.rate),
        f"units of {name}",
        corrections=corrections,
    )
    if name == "gpu":
        closings = [one.finished_at for one in attempts if one.outcome == "released"]
        say(f"{name}: closed {len(closings)} times")
        for closed in closings:
            early = [
                one.task
                for one in attempts
                if closed + COMMIT_SECONDS / 2 < one.claimed_at < closed + CLOSED_SECONDS - 0.001
            ]
            assert not early, f"{early} started while {name} was closed"


def judge_shares(history: History, work: dict[str, Work]) -> None:
    """Between changes of the weights, and while each of the big keys has tasks that have not started yet: without the
    claim that took the last one of a key, for it went on with the others' tasks."""
    claims = [one for one in history.attempts if one.queue == "fair" and one.key in BIG_KEYS]
    first_of = {one.task: one.claimed_at for one in reversed(claims)}
    until = min(max(at for task, at in first_of.items() if work[task].key == key) for key in BIG_KEYS)
    ends = [*(after.sent for after in history.reigns[1:]), until]
    weights = [
        {key: (reign.rule.fair.weights or {}).get(key, 1.0) for key in BIG_KEYS} for reign in history.reigns
    ]
    for reign, end, now, before in zip(history.reigns, ends, weights, [weights[0], *weights], strict=False):
        those = [
            (one.claimed_at, one.key, float(work[one.task].cost))
            for one in claims
            if reign.held <= one.claimed_at <= end and one.claimed_at < until
        ]
        if {key for _, key, _ in those} == set(BIG_KEYS):
            share = check_shares(those, now, before, MOST_UNITS, "fair")
            say(f"fair: {len(those)} starts of the big keys, apart by {share:.0%} of what is allowed")


def change(database: str, rules: Rules) -> Reign[Rules]:
    """Sets the rules in one transaction, which holds the locks of claims."""

    async def send(conn: Conn) -> int:
        async with conn.transaction():
            for queue in QUEUES:
                policy = rules.of(queue)
                fields: dict[str, Any] = {name: getattr(policy, name) for name in policy.__struct_fields__}
                await queues.set_policy(conn, queue, fields, by=SOMEBODY)
            for name in LIMITS:
                places = rules.limit(name)
                await named_limits.set_limit(conn, name, places.max_running, places.rate, by=SOMEBODY)
            row = await (
                await conn.execute(
                    "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM lapinq_claim_seq"
                )
            ).fetchone()
            assert row is not None
            return row[0]

    sent = time.time()
    seq = on_connections(database, send)
    return Reign(rules, seq, sent, time.time())


def lines(journal: Path) -> int:
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


def say(text: str) -> None:
    """Shown by `pytest -rP`."""
    print(text)


def say_windows(queue: str, policies: list[Reign[Policy]], starts: list[float]) -> None:
    rates = [reign.rule.rate for reign in policies if reign.rule.rate]
    for share in (0.1, 0.5, 1, 2, 5):
        most = max(rate.burst + rate.limit * share for rate in rates)
        seconds = share * rates[0].period_seconds
        say(f"{queue}: at most {largest_window(starts, seconds)} starts within {seconds:g} s, {most:g} may")


def test_the_judges_see_what_is_wrong(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    journal.write_text(
        "1 start q.a.1 7 11 101\n2 start q.a.2 7 12 102\n3 end q.a.1 7 11 103\n9 start q.a.3 8 13 109\n"
        "9.5 failed q.a.3 8 13 109.5\n10 start q.a.1 8 14 110\n11 end q.a.1 8 14 111\n"
    )
    runs = runs_of(journal)
    assert [(run.number, run.start, run.end, run.how) for run in runs] == [
        (1, 1, 3, "end"),
        (2, 2, 3, "killed"),
        (3, 9, 9.5, "failed"),
        (1, 10, 11, "end"),
    ]
    two_at_first = [Reign(2, 0, 0, 0), Reign(1, 12, 5, 5)]
    assert check_running(runs, two_at_first, lambda most: most, "the queue") == 2
    killed_at_its_start = runs[1]._replace(start=2, end=2)
    assert check_running([runs[0], killed_at_its_start], two_at_first, lambda most: most, "the queue") == 1
    one_too_late = [Reign(2, 0, 0, 0), Reign(1, 11, 1.5, 1.5)]
    with pytest.raises(AssertionError, match="2 ran at 2"):
        check_running(runs, one_too_late, lambda most: most, "the queue")
    with pytest.raises(AssertionError, match="started while"):
        check_order(runs[:2], "key a")
    with pytest.raises(AssertionError, match=r"q\.a\.1 started before q\.a\.3"):
        check_order(runs[2:], "key a")
    with pytest.raises(AssertionError, match=r"'q\.a\.1': 2"):
        check_starts(runs, {"q.a.1": 1, "q.a.2": 1, "q.a.3": 1})


def test_the_judges_know_every_window() -> None:
    one_a_second = constant(Rate(2, 2, 2))
    check_rate([Taken(at, 1) for at in (1, 1, 2, 3, 9, 9, 9.999)], one_a_second, "starts", lag=0.001)
    with pytest.raises(AssertionError, match=r"too many until 9\.9"):
        check_rate([Taken(at, 1) for at in (1, 1, 2, 3, 9, 9, 9.9)], one_a_second, "starts")
    # What was given back may be taken, and what was taken beyond may not.
    check_rate([Taken(1, 2), Taken(2, 2)], one_a_second, "units", corrections=[Taken(1.5, -1)])
    with pytest.raises(AssertionError, match="too many until 4"):
        check_rate([Taken(1, 2), Taken(4, 2)], one_a_second, "units", corrections=[Taken(1.5, 2)])
    faster_from_5 = Supply([Reign(1, 0, 0, 0), Reign(4, 0, 5, 6)], lambda limit: Rate(limit, 1, 2))
    check_rate([Taken(at, 1) for at in (4, 4, 5, 5.25, 5.5, 5.75)], faster_from_5, "starts")
    with pytest.raises(AssertionError, match=r"too many until 4\.5"):
        check_rate([Taken(at, 1) for at in (4, 4, 4.5)], faster_from_5, "starts")


def test_the_judges_weigh_shares() -> None:
    weights = {"a": 3.0, "b": 1.0}
    fair = [(at, key, 1.0) for at, key in enumerate("abaaabaaab")]
    check_shares(fair, weights, weights, 1, "shares")
    with pytest.raises(AssertionError, match=r"a and b differ by 1\.9"):
        check_shares([(at, key, 1.0) for at, key in enumerate("aaaaaab")], weights, weights, 1, "shares")
