"""How much happens in a run, and the rules that take turns meanwhile."""

import random
from typing import Any

import msgspec

from lapinq_core.domain.limits.policy import Policy, StartOrder
from lapinq_core.domain.limits.rate import Rate
from lapinq_core.domain.tasks.task import NewTask
from tests.support.rows.factories import new_task


class Places(msgspec.Struct, frozen=True):
    """The rules of a named limit."""

    max_running: int | None = None
    rate: Rate | None = None


class Rules(msgspec.Struct, frozen=True):
    """What holds between two changes."""

    default: Policy
    fair: Policy
    strict: Policy
    gpu: Places
    tokens: Places

    def of(self, queue: str) -> Policy:
        """The policy of one of `QUEUES`."""
        return getattr(self, queue)

    def limit(self, name: str) -> Places:
        """The rules of one of `LIMITS`."""
        return getattr(self, name)


class Storm(msgspec.Struct, frozen=True):
    """With each kill other rules hold. `tasks` are those of the queue `default`; the other two have half of it each."""

    tasks: int
    workers: int
    kills: int
    keys: int
    rules: list[Rules]


QUEUES = ("default", "fair", "strict")
LIMITS = ("gpu", "tokens")
BIG_KEYS = ("gold", "silver", "bronze")
CLOSED_SECONDS = 0.6
MOST_UNITS = 5
"""Of the limit `tokens`, for one task."""


def rate(limit: float, seconds: float, burst: float) -> Rate:
    return Rate(limit, seconds, burst)


def plain(max_running: int, a_key: int, starts: Rate, of_a_key: Rate) -> Policy:
    return Policy(max_running=max_running, max_running_per_key=a_key, rate=starts, rate_per_key=of_a_key)


def fair(max_running: int, starts: Rate, **weights: float) -> Policy:
    return Policy(max_running=max_running, rate=starts, order=StartOrder.FAIR, weights=weights)


def strict(max_running: int, a_key: Rate) -> Policy:
    return Policy(max_running=max_running, rate_per_key=a_key, order=StartOrder.STRICT_PER_KEY)


SMALL = Storm(
    tasks=240,
    workers=2,
    kills=2,
    keys=8,
    rules=[
        Rules(
            default=plain(10, 2, rate(120, 2, 12), rate(20, 2, 5)),
            fair=fair(6, rate(80, 2, 8), gold=3, silver=2),
            strict=strict(6, rate(30, 2, 5)),
            gpu=Places(3, rate(160, 2, 10)),
            tokens=Places(rate=rate(300, 2, 20)),
        ),
        Rules(
            default=plain(6, 1, rate(100, 2, 8), rate(16, 2, 4)),
            fair=fair(4, rate(60, 2, 6), gold=1, silver=4),
            strict=strict(4, rate(20, 2, 4)),
            gpu=Places(2, rate(120, 2, 6)),
            tokens=Places(rate=rate(200, 2, 10)),
        ),
        Rules(
            default=plain(8, 3, rate(140, 2, 14), rate(30, 2, 8)),
            fair=fair(8, rate(100, 2, 10), gold=3, silver=2),
            strict=strict(8, rate(40, 2, 8)),
            gpu=Places(4, rate(160, 2, 8)),
            tokens=Places(rate=rate(400, 2, 30)),
        ),
    ],
)
LARGE = Storm(
    tasks=5_000,
    workers=8,
    kills=30,
    keys=50,
    rules=[
        Rules(
            default=plain(16, 3, rate(120, 2, 20), rate(8, 2, 4)),
            fair=fair(10, rate(60, 2, 10), gold=3, silver=2),
            strict=strict(16, rate(8, 2, 3)),
            gpu=Places(6, rate(100, 2, 10)),
            tokens=Places(rate=rate(200, 2, 30)),
        ),
        Rules(
            default=plain(8, 2, rate(90, 2, 10), rate(6, 2, 3)),
            fair=fair(6, rate(50, 2, 5), gold=1, silver=4),
            strict=strict(8, rate(6, 2, 2)),
            gpu=Places(3, rate(80, 2, 6)),
            tokens=Places(rate=rate(160, 2, 12)),
        ),
        Rules(
            default=plain(12, 4, rate(110, 2, 30), rate(10, 2, 6)),
            fair=fair(8, rate(70, 2, 14), gold=5, silver=1),
            strict=strict(12, rate(10, 2, 4)),
            gpu=Places(4, rate(100, 2, 14)),
            tokens=Places(rate=rate(240, 2, 40)),
        ),
    ],
)


class Work(msgspec.Struct, frozen=True):
    """A task, as the judges have to know it."""

    name: str
    limits: dict[str, int]
    spends: dict[str, float]
    starts: int
    """So many it may have."""
    is_hopeless: bool

    @property
    def key(self) -> str:
        """What it is about."""
        return self.name.split(".")[1]

    @property
    def cost(self) -> int:
        """What fair order charges for it."""
        return max(self.limits.values(), default=1)


def work_of(storm: Storm, chance: random.Random) -> list[Work]:
    """All tasks, in the order in which they are enqueued."""
    return [
        *(_default(storm, chance, number) for number in range(storm.tasks)),
        *(_fair(storm, chance, number) for number in range(storm.tasks // 2)),
        *(_strict(storm, chance, number) for number in range(storm.tasks // 2)),
    ]


def tasks_of(work: list[Work], function: str, journal: str, chance: random.Random) -> list[NewTask]:
    """What is enqueued for it."""
    return [
        new_task(
            module_path="tests.support.sample.journaled",
            task_name=function,
            args=[journal, one.name, chance.uniform(0.005, 0.05), _conduct(one, chance)],
            queue_name=one.name.split(".")[0],
            key=one.name.split(".")[1],
            limits=one.limits or None,
            max_retries=one.starts - 1,
            retry_delay=0.1,
            retry_backoff=False,
        )
        for one in work
    ]


def _default(storm: Storm, chance: random.Random, number: int) -> Work:
    limits = {"gpu": 1} if chance.random() < 0.3 else {}
    return Work(f"default.{number % storm.keys}.{number}", limits, {}, 21, is_hopeless=False)


def _fair(storm: Storm, chance: random.Random, number: int) -> Work:
    key = chance.choice([*BIG_KEYS, str(number % storm.keys)])
    units = chance.randint(1, MOST_UNITS)
    used = units * chance.choice([0.25, 1, 1.5])
    return Work(f"fair.{key}.{number}", {"tokens": units}, {"tokens": used}, 21, is_hopeless=False)


def _strict(storm: Storm, chance: random.Random, number: int) -> Work:
    limits = {"gpu": 1} if chance.random() < 0.3 else {}
    hopeless = chance.random() < 0.05
    return Work(
        f"strict.{number % storm.keys}.{number}", limits, {}, 2 if hopeless else 21, is_hopeless=hopeless
    )


def _conduct(work: Work, chance: random.Random) -> dict[str, Any]:
    """As `tests.support.sample.journaled` takes it."""
    conduct: dict[str, Any] = {"spends": work.spends}
    if work.name.startswith("strict"):
        conduct["failures"] = 99 if work.is_hopeless else chance.choice([0, 0, 0, 1, 2])
        if work.limits and chance.random() < 0.1:
            conduct["closes"] = ["gpu", CLOSED_SECONDS]
    return conduct
