"""Schedules, their ticks, and the steps of applying them, as text for people."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from lapinq.commands.output.terminal import field_text, plain
from lapinq.commands.output.times import span, utc, utc_text
from lapinq_core.domain.limits.rate import Rate
from lapinq_core.domain.schedules.schedule import Definition, When, when
from lapinq_core.domain.schedules.schedule_words import sentence_of
from lapinq_core.schedules.comparing import Action, Step


def schedule_row(schedule: Mapping[str, Any], now: datetime) -> list[object]:
    """A line of the list. `schedule` is the API's object."""
    following, last = schedule["next_fire_at"], schedule["last"]
    comes = _next_text(following, now) if following is not None else "never"
    went = None
    if last is not None:
        went = last["outcome"] + (f", {last['status']}" if last["status"] else "")
    cron = schedule["cron"]
    times = f"{cron} {schedule['timezone']}" if cron is not None else f"every {schedule['every']}"
    return [schedule["name"], schedule["state"], times, comes, went]


def schedule_text(schedule: Mapping[str, Any], now: datetime) -> str:
    """A line for each field, and the recurrence in words. `schedule` is the API's object, with `says`."""
    shown = {name: schedule[name] for name in ("name", "state", "says")}
    shown |= {name: value for name, value in schedule.items() if name not in {"description", "last", "ticks"}}
    for name, value in shown.items():
        if name.endswith("_at"):
            shown[name] = utc_text(value)
    if schedule["next_fire_at"] is not None:
        shown["next_fire_at"] = _next_text(schedule["next_fire_at"], now, comma=",")
    return "\n".join(field_text(name, value) for name, value in shown.items())


def tick_line(tick: Mapping[str, Any]) -> str:
    """A line of the history. `tick` is the API's object."""
    late = "run by " + plain(tick["fired_by"]) if tick["fired_by"] else f"{tick['late_by']:.1f} s late"
    task = "" if tick["task_id"] is None else f"  {tick['task_id']}  {tick['status'] or 'deleted'}"
    missed = f"  missed since {utc_text(tick['missed_from'])}" if tick["missed_from"] is not None else ""
    return f"{utc_text(tick['fire_at'])}  {tick['outcome']:<8}  {late}{task}{missed}"


def sentence(definition: Definition) -> str:
    """Such as "At 09:00, Monday through Friday, Europe/Madrid"."""
    return sentence_of(definition) + (f", {definition.timezone}" if definition.cron is not None else "")


def next_times(definition: Definition, anchor: datetime, now: datetime, count: int) -> list[datetime]:
    """The next planned times, fewer if no more are left."""
    times: When = when(definition, anchor)
    found: list[datetime] = []
    moment: datetime | None = now
    while len(found) < count and (moment := times.after(moment)) is not None:
        found.append(moment)
    return found


def _next_text(following: str, now: datetime, comma: str = "") -> str:
    moment = datetime.fromisoformat(following)
    return f"{utc(moment)}{comma} {in_text(moment, now)}"


def time_line(moment: datetime, timezone: str, now: datetime) -> str:
    """A planned time in UTC and in the time zone."""
    there = moment.astimezone(ZoneInfo(timezone))
    return f"{utc(moment)}  {there:%Y-%m-%d %H:%M:%S %z}  {in_text(moment, now)}"


def in_text(moment: datetime, now: datetime) -> str:
    """Such as "in 5 m" or "in 2 d 3 h"; "now" if it is due."""
    seconds = (moment - now).total_seconds()
    return f"in {span(seconds)}" if seconds >= 1 else "now"


def steps_text(steps: Sequence[Step], *, is_dry: bool) -> str:
    """What happened to each, or would happen, and a line of totals."""
    lines = [line for step in steps for line in _step_lines(step)]
    sums = [f"{count} {action}" for action in Action if (count := _count(steps, action))]
    end = ", ".join(sums) or "nothing is declared"
    if not any(step.changes_something for step in steps):
        end = f"nothing {'would change' if is_dry else 'changed'}: {end}"
    return "\n".join([*lines, end + (" (nothing was written)" if is_dry else "")])


def _step_lines(step: Step) -> Iterator[str]:
    yield f"{step.action:<9}  {plain(step.label)}" + _NOTES.get(step.action, "")
    for name, change in step.changes.items():
        if isinstance(change, str):
            yield f"{'':<11}{name}: changed"
        else:
            before, after = (plain(_value(value)) for value in change)
            yield f"{'':<11}{name}: {before} → {after}"


_NOTES = {
    Action.GONE: "  (no longer in the source; unchanged, --prune deletes it)",
    Action.PAUSED: "  (no longer declared)",
    Action.ENDED: "  (its end has passed)",
}


def _value(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return utc(value)
    if isinstance(value, Rate):
        return str(value)
    return "none" if value is None else msgspec.json.encode(value).decode()


def _count(steps: Sequence[Step], action: Action) -> int:
    return sum(step.action is action for step in steps)
