"""Schedules, their ticks, and the steps of applying them, as text for people."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec

from lapinq.commands.console.terminal import field_text, plain
from lapinq_core.domain.schedules.schedule import Definition, When, when
from lapinq_core.domain.schedules.schedule_words import sentence_of
from lapinq_core.schedules.comparing import Action, Step
from lapinq_core.schedules.schedules import Schedule
from lapinq_core.schedules.ticks import Tick

_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


def schedule_line(schedule: Schedule, last: Tick | None, now: datetime) -> str:
    """A line of the list."""
    cron = f"{schedule.cron} {schedule.timezone}" if schedule.cron is not None else f"every {schedule.every}"
    following = schedule.next_fire_at
    comes = f"{utc(following)} {in_text(following, now)}" if following is not None else "never"
    went = "" if last is None else f"  {last.outcome}" + (f", {last.status}" if last.status else "")
    return f"{plain(schedule.name):<28}  {schedule.state:<6}  {plain(cron):<28}  {comes:<36}{went}".rstrip()


def schedule_text(schedule: Schedule, now: datetime) -> str:
    """A line for each field, and the recurrence in words."""
    shown = {
        "name": schedule.name,
        "state": schedule.state.value,
        "says": sentence(schedule),
        **{name: value for name, value in msgspec.structs.asdict(schedule).items() if name != "id"},
    }
    following = schedule.next_fire_at
    if following is not None:
        shown["next_fire_at"] = f"{utc(following)}, {in_text(following, now)}"
    for name, value in shown.items():
        if isinstance(value, datetime):
            shown[name] = utc(value)
    return "\n".join(field_text(name, value) for name, value in shown.items())


def tick_line(tick: Tick) -> str:
    """A line of the history."""
    late = "run by " + plain(tick.fired_by) if tick.fired_by else f"{tick.late_by:.1f} s late"
    task = "" if tick.task_id is None else f"  {tick.task_id}  {tick.status or 'deleted'}"
    missed = f"  missed since {utc(tick.missed_from)}" if tick.missed_from is not None else ""
    return f"{utc(tick.fire_at)}  {tick.outcome:<8}  {late}{task}{missed}"


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


def time_line(moment: datetime, timezone: str, now: datetime) -> str:
    """A planned time in UTC and in the time zone."""
    there = moment.astimezone(ZoneInfo(timezone))
    return f"{utc(moment)}  {there:%Y-%m-%d %H:%M:%S %z}  {in_text(moment, now)}"


def in_text(moment: datetime, now: datetime) -> str:
    """Such as "in 5 m" or "in 2 d 3 h"; "now" if it is due."""
    left = max(0, int((moment - now).total_seconds()))
    parts: list[str] = []
    for unit, size in _UNITS:
        number, left = divmod(left, size)
        if number > 0:
            parts.append(f"{number} {unit}")
    return f"in {' '.join(parts[:2])}" if parts else "now"


def steps_text(steps: Sequence[Step], *, is_dry: bool) -> str:
    """What happened to each schedule, or would happen, and a line of totals."""
    lines = [line for step in steps for line in _step_lines(step)]
    sums = [f"{count} {action}" for action in Action if (count := _count(steps, action))]
    end = ", ".join(sums) or "no schedules"
    if not any(step.changes_something for step in steps):
        end = f"nothing {'would change' if is_dry else 'changed'}: {end}"
    return "\n".join([*lines, end + (" (nothing was written)" if is_dry else "")])


def _step_lines(step: Step) -> Iterator[str]:
    yield f"{step.action:<9}  {plain(step.name)}" + _NOTES.get(step.action, "")
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
    return "none" if value is None else msgspec.json.encode(value).decode()


def _count(steps: Sequence[Step], action: Action) -> int:
    return sum(step.action is action for step in steps)


def utc(moment: datetime) -> str:
    """To the second, in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
