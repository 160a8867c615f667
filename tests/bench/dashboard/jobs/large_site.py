"""The shortest way of each job on a large site (`tests.bench.dashboard.world`), as `ways` has those of a small shop.
Some change what is there: a database is good for some runs."""

from collections.abc import Callable
from typing import TypeAlias

from tests.bench.dashboard.jobs.person import Person
from tests.bench.dashboard.jobs.ways import DONE, confirm

SiteWay: TypeAlias = Callable[[Person], None]
FIRST_TASK = "table.tasks tbody tr"


def slowest_function(me: Person) -> None:
    """Which task function takes most time in all, and which one fails most"""
    me.click("nav a:has-text('Functions')")
    me.read("#functions-list th[aria-sort=descending]:has-text('Total time')")
    me.click("#functions-list th a:has-text('Failures')")
    me.read("#functions-list th[aria-sort=descending]:has-text('Failures')")


def one_customer(me: Person) -> None:
    """What runs, waits and failed of one customer, in all queues"""
    me.press("Control+k")
    me.type("acme")
    me.click("[role=option]:has-text('Key'):has-text('acme')")
    me.read("h1:has-text('acme')")
    me.read("#key-failed")


def all_but_one(me: Person) -> None:
    """The failed tasks of all customers but one"""
    _search(me, "status:failed -key:acme")
    me.read(FIRST_TASK)


def yesterday(me: Person) -> None:
    """Requeue what failed yesterday in one queue, after reading what that is"""
    _search(me, "queue:billing-9 status:failed since:yesterday until:today")
    me.click(".tally summary:has-text('All matching')")
    me.click("button[data-bulk=requeue]")
    me.read("#ask:has-text('billing-9')")
    confirm(me)
    me.sees(DONE)


def unserved(me: Person) -> None:
    """Which queues have tasks and no worker, the oldest first"""
    me.read(".alerts li.several:has(#alerts-unserved)")
    me.click(".alerts li.several:has(#alerts-unserved) > .do a")
    me.read("#queues-list tbody tr:has-text('tenant')")


def paused(me: Person) -> None:
    """Who paused the reports, and why"""
    me.click("#alerts-paused summary")
    me.read("#alerts-paused li:has-text('reports-0')")


def open_breaker(me: Person) -> None:
    """How often the tasks of a queue fail whose circuit breaker is open"""
    me.click("#alerts-breakers summary")
    me.click("#alerts-breakers li:has-text('pictures-0') a")
    me.read("text=/Failure rate/")


def oldest_key(me: Person) -> None:
    """Which of 10,000 blocked keys has been blocked longest, and by which error"""
    _open(me, "statements")
    me.click("a[href*='queue/keys?name=statements']")
    me.read("table.blocked-keys tbody tr .error")


def free_keys(me: Person) -> None:
    """Start the next task of all blocked keys that begin alike, after reading how many they are"""
    _open(me, "statements")
    me.click("a[href*='queue/keys?name=statements']")
    me.click("input[name=prefix]")
    me.type("blocked-009")
    me.enter()
    me.read("table.blocked-keys tbody tr:has-text('blocked-009')")
    me.click("#every-skip")
    confirm(me)
    me.sees(DONE)


def slow_tasks(me: Person) -> None:
    """The slowest tasks of the last day in one queue"""
    _open(me, "video-0")
    me.click("nav a:text-is('24 h')")
    me.read("h2:has-text('Slowest')")


def one_kind(me: Person) -> None:
    """Mute all errors of one type of all queues for a day"""
    me.click("nav a:has-text('Errors')")
    me.click("nav.choice a:has-text('By type')")
    me.click("table.error-types a:has-text('MailboxFull')")
    me.click("table.error-list input[data-select-all]")
    me.click("#selection button[data-each=mute]")
    if me.page.locator("#ask").is_visible():
        confirm(me)
    me.sees(DONE)


def whose_error(me: Person) -> None:
    """Of which customers and releases the tasks are that fail most"""
    me.click("nav a:has-text('Errors')")
    me.click("table.error-list th a:has-text('Failed')")
    me.click("table.error-list tbody tr a.kind")
    me.read("h2:has-text('Where it fails')")


def why_ready(me: Person) -> None:
    """Why the ready tasks of a queue wait"""
    _search(me, "queue:shipments state:ready")
    me.read(f"{FIRST_TASK} .block")


def stop_change(me: Person) -> None:
    """Requeue many tasks, leave the page, find the change again and stop it"""
    _search(me, "status:failed")
    me.click(".tally summary:has-text('All matching')")
    me.click("button[data-bulk=requeue]")
    confirm(me)
    me.click("nav a:has-text('Overview')")
    me.click("nav a:has-text('Tasks')")
    me.click(".bulk-active button:has-text('Stop')")
    confirm(me)
    me.sees(DONE)


SITE_WAYS: tuple[SiteWay, ...] = (
    slowest_function,
    one_customer,
    all_but_one,
    yesterday,
    unserved,
    paused,
    open_breaker,
    oldest_key,
    free_keys,
    slow_tasks,
    one_kind,
    whose_error,
    why_ready,
    stop_change,
)


def _search(me: Person, words: str) -> None:
    me.press("g", "t")
    me.sees(FIRST_TASK)
    me.press("/")
    me.type(words)
    me.enter()


def _open(me: Person, queue: str) -> None:
    me.press("Control+k")
    me.type(queue)
    me.sees(f"[role=option][aria-selected=true]:has-text('{queue}')")
    me.enter()
    me.sees(f"h1:has-text('{queue}')")
