"""Breadth-first through a site: the links of one round of pages are the tasks of the next.

The tasks could enqueue each other, but then nobody would know which addresses are taken care of already. One
place that collects keeps each address to one task, and knows when it is done.
"""

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ..running import TaskFailed, value_of
from .tasks import Page, check_page, queue

_AT_ONCE = 50  # each task that is waited for is asked about some times a second


@dataclass(frozen=True)
class Limits:
    """`patience` is seconds a page may take, `timeout` seconds to wait for a task, `most` a number of addresses."""

    patience: float
    timeout: float
    most: int


@dataclass
class Findings:
    """By address: what is wrong with it, and which pages refer to it; `left_out` were too many."""

    problems: dict[str, str | None] = field(default_factory=dict[str, str | None])
    found_on: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict[str, list[str]](list))
    left_out: set[str] = field(default_factory=set[str])

    @property
    def broken(self) -> list[tuple[str, str, str]]:
        """The page, its link and what is wrong with it."""
        return sorted(
            (page, link, problem)
            for link, problem in self.problems.items()
            if problem
            for page in self.found_on[link] or ["(the start)"]
        )


async def crawl(start: str, limits: Limits) -> Findings:
    """Check `start`, what it refers to, and so on. Addresses of other sites are checked, but not followed."""
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
                    continue  # two addresses of one page
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
        # "RetryError: no answer within 5 s", the last of its tries.
        return {"location": url, "problem": error.reason.removeprefix("RetryError: "), "links": []}
    if _site(page["location"]) != _site(start):
        page["links"] = []  # redirected to a site that is not ours to follow
    return page


def _site(url: str) -> str | None:
    try:
        return urlsplit(url).netloc
    except ValueError:
        return None
