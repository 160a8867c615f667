"""The latest runs of a schedule as a strip of marks. It is plain markup, because a page may have a thousand marks."""

from collections.abc import Sequence

from markupsafe import Markup, escape

from lapinq_api.dashboard.page.texts import Texts
from lapinq_api.dashboard.page.words import moment
from lapinq_core.domain.schedules.ticks import TickOutcome
from lapinq_core.domain.tasks.state import Status
from lapinq_core.schedules.ticks import Tick

_GONE = "gone"


def strip(texts: Texts, up: str, name: str, ticks: Sequence[Tick]) -> Markup:
    """A list of marks for `ticks`, which come latest first; the list shows the latest last. Empty without ticks.

    Each mark links to its task, if there is one. Tab reaches the latest link; from there `strips.js` moves on.
    """
    if not ticks:
        return Markup()
    words = {key: escape(text) for key, text in _labels(texts).items()}
    is_reached, marks = False, list[str]()
    for tick in ticks:
        kind = _kind(tick)
        title = f"{moment(tick.fire_at)}: {words[kind]}"
        if tick.status is None or tick.task_id is None:
            marks.append(
                f'<li><span class="mark {kind}" role="img" aria-label="{title}" title="{title}"></span></li>'
            )
            continue
        order = ' tabindex="-1"' if is_reached else ""
        is_reached = True
        marks.append(
            f'<li><a class="mark {kind}" href="{up}tasks/{tick.task_id}" title="{title}"{order}></a></li>'
        )
    label = escape(texts("schedules.runs_of", name=name))
    return Markup(f'<ul class="strip" aria-label="{label}" data-strip>{"".join(reversed(marks))}</ul>')  # noqa: S704


def _kind(tick: Tick) -> str:
    """The mark's class: the status of its task, or the outcome of the tick."""
    if tick.outcome is not TickOutcome.ENQUEUED:
        return tick.outcome
    return _GONE if tick.status is None else tick.status


def _labels(texts: Texts) -> dict[str, str]:
    """The label for each class."""
    outcomes = {one.value: texts(f"schedules.outcome.{one}") for one in TickOutcome}
    statuses = {one.value: texts(f"status.{one}") for one in Status}
    return {**outcomes, **statuses, _GONE: texts("schedules.gone")}
