"""What keys do: they select, ask and order."""

import pytest

from lapinq.commands.top.keys import keys_in
from lapinq.commands.top.panes import Pane, Seen
from lapinq.commands.top.view import Change, Count, Order, View, counted, press
from tests.unit.lapinq.commands.top.answers import failed, overview, queue, running, worker

SEEN = Seen(overview=overview(), failed=[failed(1), failed(2)])


def pressed(view: View, *keys: str, seen: Seen = SEEN) -> tuple[View, list[Order]]:
    orders: list[Order] = []
    for key in keys:
        view, order = press(view, seen, key)
        if order is not None:
            orders.append(order)
    return view, orders


def selected(view: View, seen: Seen = SEEN) -> object:
    row = view.row(seen)
    return row and row.get("queue_name")


def test_tab_goes_round_the_lists() -> None:
    panes = [pressed(View(), *["tab"] * times)[0].pane for times in range(5)]
    assert panes == [*Pane, Pane.QUEUES]
    assert pressed(View(), "back tab")[0].pane is Pane.FAILED


def test_a_row_stays_selected_wherever_it_moves() -> None:
    view, _ = pressed(View().keeping(SEEN), "down")
    assert selected(view) == "mail"
    turned = Seen(overview=overview(queues=[queue("mail"), queue("new"), queue("video")]))
    assert selected(view.keeping(turned), turned) == "mail"
    gone = Seen(overview=overview(queues=[queue("new"), queue("video")]))
    assert selected(view.keeping(gone), gone) == "video"  # the one in its place
    assert selected(View().keeping(SEEN), turned) == "video"  # also without a key
    assert view.row(Seen()) is None


def test_moves_end_at_both_ends() -> None:
    last = "a-very-long-name-of-a-queue"
    for keys, name in (("k", "video"), ("jjjj", last), (["end", "up"], "mail"), (["end", "home"], "video")):
        assert selected(pressed(View(), *keys)[0]) == name, keys
    assert pressed(View(), "down", seen=Seen())[0] == View()


def test_what_can_be_undone_is_ordered_at_once() -> None:
    for pane, row, key, path in (
        (Pane.QUEUES, queue("a/b?"), "p", "queues/a%2Fb%3F/pause"),
        (Pane.QUEUES, queue("mail", is_paused=True), "p", "queues/mail/resume"),
        (Pane.WORKERS, worker(1), "Q", "workers/worker%201/quiet"),
        (Pane.WORKERS, worker(1, state="quiet"), "Q", "workers/worker%201/resume"),
    ):
        view, [order] = pressed(View(pane=pane), key, seen=Seen(overview=overview(**{pane: [row]})))
        assert isinstance(order, Change)
        assert (order.method, order.path, view.question) == ("POST", f"/api/v1/{path}", None)


@pytest.mark.parametrize(
    ("pane", "key", "question", "method", "path"),
    [
        (Pane.RUNNING, "c", "cancel transcode", "DELETE", f"/api/v1/tasks/{running(1)['id']}"),
        (Pane.FAILED, "r", "requeue send failed 1?", "POST", "/api/v1/tasks/failed%201/requeue"),
    ],
)
def test_a_task_is_changed_after_a_question(
    pane: Pane, key: str, question: str, method: str, path: str
) -> None:
    view, orders = pressed(View(pane=pane), key)
    assert orders == []
    assert view.question is not None
    assert view.question.text.startswith(question)
    done, [order] = pressed(view, "y")
    assert isinstance(order, Change)
    assert (order.method, order.path, done.question) == (method, path, None)
    for other in ("n", "q", "escape", "tab", "c"):
        left, orders = pressed(view, other)
        assert (left.question, left.notice, left.is_over, left.pane) == (None, "not done", False, pane)
        assert orders == []


def test_failed_tasks_of_a_queue_are_counted_before_the_question() -> None:
    view, [order] = pressed(View(), "r")
    assert isinstance(order, Count)
    assert (view.question, order.change.query) == (None, {"queue": "video"})
    assert counted(view, order, 0).notice == "video has no failed tasks"
    asked = counted(view, order, 12_345)
    assert asked.question is not None
    assert asked.question.text == "requeue 12,345 failed tasks of video?"
    assert pressed(asked, "y")[1] == [order.change]


def test_what_a_key_cannot_do_is_said() -> None:
    dead = Seen(overview=overview(workers=[worker(1, state="dead")]))
    stopping = Seen(overview=overview(running=[running(1, is_cancel_requested=True)]))
    for view, key, seen, notice in (
        (View(), "c", SEEN, "c is for running: Tab leads there"),
        (View(pane=Pane.WORKERS), "r", SEEN, "r is for queues and failed: Tab leads there"),
        (View(), "p", Seen(), "there is nothing selected"),
        (View(pane=Pane.WORKERS), "Q", dead, "box-1 is dead"),
        (View(pane=Pane.RUNNING), "c", stopping, f"transcode {running(1)['id']} is asked to stop already"),
    ):
        after, orders = pressed(view, key, seen=seen)
        assert (after.notice, orders) == (notice, [])
        assert pressed(after, "x", seen=seen)[0].notice == ""


def test_q_quits_and_a_question_mark_helps() -> None:
    assert pressed(View(), "q")[0].is_over
    helped, _ = pressed(View(), "?")
    assert helped.is_help
    assert pressed(helped, "p") == (View(), [])
    assert pressed(helped, "q")[0].is_over


def test_what_a_terminal_sends_becomes_keys() -> None:
    sent = b"j\x1b[A\x1bOB\t\x1b[Z\x1b[5~\x1b\x1b[1;5Cq\xc3\xa4\xff"
    assert keys_in(sent) == [
        *("j", "up", "down", "tab", "back tab", "page up", "escape", "\x1b[1;5C", "q", "ä", "\ufffd"),
    ]
