"""The picture of `lapinq top`, as text and at two sizes."""

import pytest
from rich.cells import cell_len
from rich.text import Text

from lapinq.commands.top.panes import Pane, Seen
from lapinq.commands.top.picture import Frame, picture, share_out, whole_picture
from lapinq.commands.top.view import Change, Question, View
from tests.unit.lapinq.commands.top.answers import failed, overview, queue, running, worker

FRAME = Frame(place="http://127.0.0.1:8001", interval=2.0, clock="12:00:05")
CHANGE = Change(method="POST", path="/", doing="", done="")

SMALL = """\
lapinq top  http://127.0.0.1:8001  last 5 min, every 2 s                12:00:05
tasks   3 pending  1 running  1.2M completed  2 failed
per s   0.42 enqueued  0.4 started  0.39 completed  0.01 failed  0.05 retried
wait    p50 4.2ms  p95 810ms  p99 1.9s     run  p50 350ms  p95 4.1s  p99 -

QUEUE              STATE      READY  RUNNING  OLDEST  IN/S  OUT/S  FAIL%  FAILED
video              no worker    12k        3   1m15s  0.42    0.4   1.8%       2
mail               paused       12k        3   1m15s  0.42    0.4   1.8%       2
a-very-long-name…               12k        3   1m15s  0.42    0.4              0

WORKER (5)  STATE  RUNNING  DONE/S  MEMORY   BEAT  QUEUES
box-1       alive      1/4    12.5  175MiB  1.25s  all
box-2       quiet      1/4    12.5  175MiB  1.25s  video, mail

RUNNING TASK                                TIME  QUEUE  WORKER  TRY    PROGRESS
transcode                                  1h01m  video  box-1     1        40 %
transcode                                 30m50s  video  box-1     1  cancelling






Tab next list  ↑↓ select  p pause  r requeue failed  ? help  q quit
"""


def text_of(lines: list[Text]) -> str:
    return "".join(f"{line.plain.rstrip()}\n" for line in lines)


def shown(seen: Seen, view: View, width: int = 80, height: int = 24) -> str:
    lines = picture(seen, view, FRAME, width, height)
    assert len(lines) == height
    assert max(cell_len(line.plain) for line in lines) <= width
    return text_of(lines)


def test_a_terminal_shows_what_fits_and_a_tiny_one_the_selected_list() -> None:
    seen = Seen(overview=overview())
    assert shown(seen, View()) == SMALL
    tiny = shown(seen, View(pane=Pane.RUNNING), 48, 10).splitlines()
    assert tiny[3:7] == [
        "wait    p50 4.2ms  p95 810ms  p99 1.9s     run …",
        "",
        "RUNNING TASK     TIME  QUEUE  WORKER    PROGRESS",
        "transcode       1h01m  video  box-1         40 %",
    ]
    lines = shown(seen, View(), 140, 40).splitlines()
    assert lines[5].split() == [
        *("QUEUE", "STATE", "READY", "DELAYED", "RUNNING", "OLDEST", "IN/S", "OUT/S", "RETRY/S", "FAIL%"),
        "FAILED",
    ]
    assert any(running(1)["id"] in line for line in lines)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (3, 4), (20, 6), (80, 24), (500, 200)])
def test_every_size_and_state_has_its_picture(width: int, height: int) -> None:
    many = overview(
        queues=[queue(f"queue 日本 {n}" * n) for n in range(50)],
        workers=[worker(n) for n in range(50)],
        running=[running(n) for n in range(1, 21)],
    )
    none = overview(queues=[], workers=[], running=[])
    for pane in Pane:
        for view in (
            View(pane=pane),
            View(pane=pane, is_help=True),
            View(pane=pane, question=Question("x" * 300, CHANGE)),
            View(pane=pane, chosen={pane: ("", 49)}),
        ):
            shown(Seen(), view, width, height)
            shown(Seen(overview=many, failed=[failed(1)]), view, width, height)
            shown(Seen(overview=none, error="the database is unavailable"), view, width, height)


def test_the_selected_row_is_in_view_and_one_picture_has_all_rows_and_columns() -> None:
    seen = Seen(overview=overview(queues=[queue(f"queue-{n}") for n in range(50)]))
    lines = picture(seen, View(chosen={Pane.QUEUES: ("queue-40", 40)}), FRAME, 80, 24)
    [marked] = [line for line in lines if any(span.style == "reverse" for span in line.spans)]
    assert marked.plain.startswith("queue-40 ")
    a_block_where_the_state_would_be = [span for span in marked.spans if "yellow" in str(span.style)]
    assert a_block_where_the_state_would_be == []
    text = text_of(whole_picture(seen, None))
    assert "queue-49" in text
    assert running(2)["id"] in text
    assert max(len(line) for line in text_of(whole_picture(seen, 60)).splitlines()) <= 60


def test_what_went_wrong_and_what_is_asked_is_shown() -> None:
    seen = Seen(overview=overview())
    away = shown(Seen(overview=overview(), error="the database is unavailable"), View())
    assert away.startswith("lapinq top  the database is unavailable: trying again")
    assert "video" in away
    asked = shown(seen, View(question=Question("cancel x\x1b[2J?", CHANGE)))
    assert asked.splitlines()[-1] == r"cancel x\x1b[2J? y/n"
    assert shown(seen, View(notice="paused mail")).splitlines()[-1] == "paused mail"
    assert "so does Ctrl-C" in shown(seen, View(is_help=True))


def test_names_from_outside_cannot_control_the_terminal() -> None:
    evil = "a\x1b[2J\n\u202eb"
    seen = Seen(
        overview=overview(
            queue=evil,
            queues=[queue(evil)],
            workers=[worker(1, name=evil, queues=[evil])],
            running=[running(1, task_name=evil, queue_name=evil, worker_name=evil)],
        ),
        failed=[failed(1, error=evil, task_name=evil)],
        error=evil,
    )
    for text in (
        text_of(picture(seen, View(notice=evil), FRAME, 200, 40)),
        text_of(picture(seen, View(pane=Pane.FAILED), FRAME, 200, 40)),
        text_of(whole_picture(seen, None)),
    ):
        assert r"a\x1b[2J" in text
        assert not set(text) & {"\x1b", "\u202e"}


def test_failed_tasks_take_the_place_of_running_ones() -> None:
    text = shown(Seen(overview=overview(), failed=[failed(1)]), View(pane=Pane.FAILED))
    assert "RUNNING TASK" not in text
    assert "no paper and more" in text
    assert "\n…\n" in shown(Seen(overview=overview()), View(pane=Pane.FAILED))


def test_lists_share_the_lines() -> None:
    assert share_out(16, [3, 2, 2], 0) == [3, 2, 2]
    assert share_out(16, [50, 2, 2], 0) == [12, 2, 2]
    assert share_out(16, [50, 50, 50], 1) == [5, 6, 5]
    assert share_out(2, [50, 50, 50], 2) == [0, 0, 2]
    assert share_out(-1, [5], 0) == [0]
