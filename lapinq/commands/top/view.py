"""What the person at the terminal does: which row they selected, and what a key does to it."""

import msgspec

from lapinq.commands.console.api import path
from lapinq.commands.top.panes import Pane, Row, Seen, key_of

_PAGE = 10
_MOVES = {
    "up": -1,
    "k": -1,
    "down": 1,
    "j": 1,
    "page up": -_PAGE,
    "page down": _PAGE,
    "home": -(10**6),
    "end": 10**6,
}
_PANES = list(Pane)


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A call of the API that changes something. `counted` names the number in its answer, if there is one."""

    method: str
    path: str
    query: dict[str, str] = {}
    doing: str
    done: str
    counted: str = ""


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """Asks how many tasks a change concerns, before the person is asked whether they want it."""

    change: Change
    subject: str
    nothing: str


Order = Change | Count


class Question(msgspec.Struct, frozen=True):
    """Asks for y or n."""

    text: str
    change: Change


class View(msgspec.Struct, frozen=True, kw_only=True):
    """The state of the screen. `chosen` is the selected row of each pane and where it was."""

    pane: Pane = Pane.QUEUES
    chosen: dict[Pane, tuple[str, int]] = {}
    question: Question | None = None
    notice: str = ""
    is_warning: bool = False
    is_help: bool = False
    is_over: bool = False

    def place(self, seen: Seen, pane: Pane) -> int:
        """The index of the selected row. If that row has gone, the one in its place."""
        rows = seen.rows(pane)
        key, place = self.chosen.get(pane, ("", 0))
        for index, row in enumerate(rows):
            if key_of(pane, row) == key:
                return index
        return min(place, max(0, len(rows) - 1))

    def keeping(self, seen: Seen) -> "View":
        """The same view, whose selected rows stay selected while lists change their order."""
        places = {pane: self.place(seen, pane) for pane in Pane}
        kept = {
            pane: (key_of(pane, rows[place]), place)
            for pane, place in places.items()
            if (rows := seen.rows(pane))
        }
        return msgspec.structs.replace(self, chosen={**self.chosen, **kept})

    def row(self, seen: Seen) -> Row | None:
        """The selected row."""
        rows = seen.rows(self.pane)
        return rows[self.place(seen, self.pane)] if rows else None


def press(view: View, seen: Seen, key: str) -> tuple[View, Order | None]:
    """What follows a key: another view, and perhaps an order to carry out."""
    if view.question is not None:
        answered = noted(msgspec.structs.replace(view, question=None), "")
        return (answered, view.question.change) if key in {"y", "Y"} else (noted(answered, "not done"), None)
    if key == "q":
        return msgspec.structs.replace(view, is_over=True), None
    if view.is_help or key in {"?", "h"}:
        return msgspec.structs.replace(view, is_help=not view.is_help, notice=""), None
    view = noted(view, "")
    if key in {"tab", "back tab"}:
        pane = _PANES[(_PANES.index(view.pane) + (1 if key == "tab" else -1)) % len(_PANES)]
        return msgspec.structs.replace(view, pane=pane), None
    if key in _MOVES:
        return _moved(view, seen, _MOVES[key]), None
    if key in _ACTIONS:
        panes, act = _ACTIONS[key]
        if view.pane not in panes:
            return warned(view, f"{key} is for {' and '.join(panes)}: Tab leads there"), None
        row = view.row(seen)
        return (warned(view, "there is nothing selected"), None) if row is None else act(view, row)
    return view, None


def counted(view: View, order: Count, number: int) -> View:
    """Asks whether the change that concerns `number` tasks is wanted."""
    if not number:
        return noted(view, order.nothing)
    tasks = "1 failed task" if number == 1 else f"{number:,} failed tasks"
    return msgspec.structs.replace(
        view, question=Question(f"requeue {tasks} of {order.subject}?", order.change)
    )


def noted(view: View, notice: str) -> View:
    """The same view, with a line that says what happened."""
    return msgspec.structs.replace(view, notice=notice, is_warning=False)


def warned(view: View, notice: str) -> View:
    """The same view, with a line that says what did not happen."""
    return msgspec.structs.replace(view, notice=notice, is_warning=True)


def _moved(view: View, seen: Seen, by: int) -> View:
    rows = seen.rows(view.pane)
    if not rows:
        return view
    place = min(max(view.place(seen, view.pane) + by, 0), len(rows) - 1)
    return msgspec.structs.replace(
        view, chosen={**view.chosen, view.pane: (key_of(view.pane, rows[place]), place)}
    )


def _pause(view: View, row: Row) -> tuple[View, Order | None]:
    name, verb = row["queue_name"], "resume" if row["is_paused"] else "pause"
    return view, Change(
        method="POST",
        path=f"{path('/api/v1/queues/{}', name)}/{verb}",
        doing=f"{verb} {name}",
        done=f"{verb}d {name}",
    )


def _quiet(view: View, row: Row) -> tuple[View, Order | None]:
    if row["state"] in {"dead", "stopping"}:
        return warned(view, f"{row['name']} is {row['state']}"), None
    verb = "resume" if row["state"] == "quiet" else "quiet"
    asked = "claim tasks again" if verb == "resume" else "stop claiming tasks"
    return view, Change(
        method="POST",
        path=f"{path('/api/v1/workers/{}', row['id'])}/{verb}",
        doing=f"{verb} {row['name']}",
        done=f"asked {row['name']} to {asked}, from its next heartbeat",
    )


def _cancel(view: View, row: Row) -> tuple[View, Order | None]:
    task = f"{row['task_name'] or 'task'} {row['id']}"
    if row["is_cancel_requested"]:
        return noted(view, f"{task} is asked to stop already"), None
    change = Change(
        method="DELETE",
        path=path("/api/v1/tasks/{}", row["id"]),
        query={"running": "true"},
        doing=f"cancel {task}",
        done=f"asked {task} to stop",
    )
    return msgspec.structs.replace(view, question=Question(f"cancel {task}?", change)), None


def _requeue(view: View, row: Row) -> tuple[View, Order | None]:
    if view.pane is Pane.FAILED:
        task = f"{row['task_name']} {row['id']}"
        change = Change(
            method="POST",
            path=f"{path('/api/v1/tasks/{}', row['id'])}/requeue",
            doing=f"requeue {task}",
            done=f"requeued {task}",
        )
        return msgspec.structs.replace(view, question=Question(f"requeue {task}?", change)), None
    name = row["queue_name"]
    return view, Count(
        change=Change(
            method="POST",
            path="/api/v1/tasks/requeue",
            query={"queue": name},
            doing=f"requeue the failed tasks of {name}",
            done=f"requeued the failed tasks of {name}",
            counted="requeued",
        ),
        subject=name,
        nothing=f"{name} has no failed tasks",
    )


_ACTIONS = {
    "p": ((Pane.QUEUES,), _pause),
    "Q": ((Pane.WORKERS,), _quiet),
    "c": ((Pane.RUNNING,), _cancel),
    "r": ((Pane.QUEUES, Pane.FAILED), _requeue),
}
