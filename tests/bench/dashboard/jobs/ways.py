"""The shortest way of each job through the pages. A job begins on the overview; its docstring is what one wants."""

from collections.abc import Callable
from typing import TypeAlias

from tests.bench.dashboard.jobs.person import Person
from tests.bench.dashboard.jobs.shop import FAILED

Way: TypeAlias = Callable[[Person, dict[int, str]], None]
DONE = "[role=status] >> text=/./"
ID_IN_A_LOG = 18  # characters that one copied


def failed_by_id(me: Person, failed: dict[int, str]) -> None:
    """A log has the first half of a task's id: find out why it failed, and run it again"""
    _open_by_id(me, failed[FAILED[0]])
    _requeue_after_reading(me)


def failed_by_argument(me: Person, failed: dict[int, str]) -> None:
    """A customer has no receipt: find the task by the order's number, why it failed, and run it again"""
    me.press("g", "t")
    me.sees("table.tasks tbody tr")
    me.press("/")
    me.type(f"args:{FAILED[1]}")
    me.enter()
    me.click(f"table.tasks tbody tr:has-text('order={FAILED[1]}') th a")
    _requeue_after_reading(me)


def edit_and_run(me: Person, failed: dict[int, str]) -> None:
    """Run a failed task again with another address"""
    _open_by_id(me, failed[FAILED[2]])
    me.click("a:has-text('Edit and run')")
    me.click(me.page.locator("fieldset input").nth(3))
    me.press("Control+a")
    me.type("anna@example.com")
    me.click("button[type=submit]:text-is('Run')")
    me.sees("#task-head")
    me.sees("text=anna@example.com")


def new_task(me: Person, failed: dict[int, str]) -> None:
    """Enqueue a receipt by hand"""
    me.press("Control+k")
    me.type("new task")
    me.enter()
    me.click("a:has-text('send_receipt')")
    me.click(me.page.locator("fieldset input:visible").nth(2))
    me.type("70010")
    me.press("Tab")
    me.type("anna@example.com")
    me.click("button[type=submit]:text-is('Run'), button[type=submit]:text-is('Enqueue')")
    me.sees("#task-head")
    me.sees("text=anna@example.com")


def requeue_one_kind(me: Person, failed: dict[int, str]) -> None:
    """Requeue what failed because a mailbox was full, and nothing else"""
    me.click("nav a:has-text('Errors')")
    me.read("tr:has-text('MailboxFull')")
    me.click("tr:has-text('MailboxFull') button:text-is('Requeue')")
    confirm(me)
    me.sees(DONE)


def current_log(me: Person, failed: dict[int, str]) -> None:
    """See what the video that is being transcoded logs now"""
    me.click("a:has-text('transcode')")
    me.read("text=wrote segment")


def slow_queue(me: Person, failed: dict[int, str]) -> None:
    """See what slows the queue mail: how long its tasks wait and run (p95), and the slowest tasks"""
    me.click("table a:text-is('mail')")
    me.read("h2:has-text('By task')")
    me.read("h2:has-text('Slowest')")


def long_task(me: Person, failed: dict[int, str]) -> None:
    """See which task keeps the queue video busy, since when and on which worker"""
    me.read("h2:has-text('ongest running')")
    me.sees("a:has-text('transcode')")


def dead_worker(me: Person, failed: dict[int, str]) -> None:
    """See which worker died"""
    me.read("text=/^Worker .* died/")


def one_schedule(me: Person, failed: dict[int, str]) -> None:
    """Open a schedule whose name one knows"""
    me.press("Control+k")
    me.type("nightly-")
    me.sees("[role=option][aria-selected=true]:has-text('nightly-report')")
    me.enter()
    me.sees("h1:has-text('nightly-report')")


def paused_queue(me: Person, failed: dict[int, str]) -> None:
    """The reports don't run: find out why, and let them run"""
    me.read("text=/reports was paused/")
    me.click("button:has-text('Resume')")
    confirm(me)  # the pause has a reason
    me.sees(DONE)


def delete_completed(me: Person, failed: dict[int, str]) -> None:
    """Delete all completed tasks"""
    me.click("nav a:has-text('Tasks')")
    me.click("nav.choice a:has-text('Completed')")
    me.click(".tally summary:has-text('All matching')")
    me.click("button[data-bulk=delete]")
    confirm(me)
    me.sees(DONE)


WAYS: tuple[Way, ...] = (
    failed_by_id,
    failed_by_argument,
    edit_and_run,
    new_task,
    requeue_one_kind,
    slow_queue,
    long_task,
    current_log,
    dead_worker,
    one_schedule,
    paused_queue,
    delete_completed,
)


def confirm(me: Person) -> None:
    """Types the number of tasks, if they are many."""
    me.sees("#ask")
    number = me.page.locator("#ask label")
    if not number.is_visible():
        me.click("#ask button[value=yes]")
        return
    me.read("#ask label")
    me.type("".join(filter(str.isdigit, number.inner_text())))
    me.enter()


def _open_by_id(me: Person, task_id: str) -> None:
    me.press("Control+k")
    me.paste(task_id[:ID_IN_A_LOG])
    me.sees("[role=option]:has-text('send_receipt')")
    me.enter()


def _requeue_after_reading(me: Person) -> None:
    me.read("text=did not answer within")
    me.click("#task-head button:has-text('Retry this task')")
    me.sees(DONE)
