"""Crawl a site breadth-first: the links found in one round are the tasks of the next.

The tasks could enqueue each other, but then no place would know which addresses are already checked. Collecting
the links here gives each address exactly one task, and shows when the crawl is done.
"""

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ..running import TaskFailed, value_of
from .tasks import Page, check_page, queue

_AT_ONCE = 50  # waiting for a task polls the server a few times a second


@dataclass(frozen=True)
class Limits:
    """`patience`: seconds to wait for a page; `timeout`: seconds to wait for a task; `most`: number of addresses."""

    patience: float
    timeout: float
    most: int


@dataclass
class Findings:
    """By address: the problem, and the pages that link to it. `left_out` are those above the limit."""

    problems: dict[str, str | None] = field(default_factory=dict[str, str | None])
    found_on: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict[str, list[str]](list))
    left_out: set[str] = field(default_factory=set[str])

    @property
    def broken(self) -> list[tuple[str, str, str]]:
        """The page, its link and the problem."""
        return sorted(
            (page, link, problem)
            for link, problem in self.problems.items()
            if problem
            for page in self.found_on[link] or ["(the start)"]
        )


async def crawl(start: str, limits: Limits) -> Findings:
    """Check `start`, its links, their links and so on. Check addresses of other sites, but don't follow them."""
    findings = Findings()
    free = asyncio.Semaphore(_AT_ONCE)

    async def check(url: str) -> Page:
        async with free:
            return await _check(url, start, limits)

    reached = {start}
    read: set[str] = set()
    level: list[str] = [start]
    async with queue:
        while level:
            print(f"to check: {len(level)}")
            pages = await asyncio.gather(*map(check, level))
            findings.problems.update((url, page["problem"]) for url, page in zip(level, pages, strict=True))
            level = []
            for page in pages:
                if page["location"] in read:
                    continue  # another address of a page that was already read
                read.add(page["location"])
                for link in page["links"]:
                    findings.found_on[link].append(page["location"])
                    if link in reached:
                        continue
                    if len(reached) >= limits.most:
                        findings.left_out.add(link)
                        continue
                    reached.add(link)
                    level.append(link)
    return findings


async def _check(url: str, start: str, limits: Limits) -> Page:
    own = _site(url) == _site(start)
    ref = await check_page.aqueue(url, read_links=own, patience=limits.patience)
    try:
        page: Page = value_of(await ref.awaitait(limits.timeout))
    except TaskFailed as error:
        # "RetryError: no answer within 5 s", from the last attempt.
        return {"location": url, "problem": error.reason.removeprefix("RetryError: "), "links": []}
    if _site(page["location"]) != _site(start):
        page["links"] = []  # redirected to another site
    return page


def _site(url: str) -> str | None:
    try:
        return urlsplit(url).netloc
    except ValueError:
        return None
