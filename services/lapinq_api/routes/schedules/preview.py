"""Previews the ticks of an expression or interval without storing a schedule."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.operations.bodies.schedule_request import CRON_SCHEMA, EVERY_SCHEMA, ZONE_SCHEMA
from lapinq_api.operations.endpoint import Answer, Needs, Operation, Parameter, query_of
from lapinq_api.overload.fair_share import CALLER
from lapinq_api.state import State
from lapinq_api.wire.codec import Json
from lapinq_api.wire.query import moment, whole_number
from lapinq_core.domain.cron.languages import LANGUAGES
from lapinq_core.domain.cron.local_time import read_timezone
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.requests.schedule_name import SCHEDULE_NAME_SCHEMA
from lapinq_core.domain.requests.values import doc
from lapinq_core.domain.schedules.preview import PlannedTime, next_times
from lapinq_core.domain.schedules.schedule import (
    Definition,
    anchor_of,
    check_one_of_both,
    check_schedule_name,
    when,
)
from lapinq_core.domain.schedules.schedule_words import sentence_of

MAX_TIMES = 100
_DEFAULT_TIMES = 5
_DEFAULT_LANGUAGE = "en"


class Preview(msgspec.Struct, frozen=True):
    """The ticks of an expression or interval."""

    description: Annotated[str, doc("The recurrence in words.", example="At 09:00, Monday through Friday")]
    times: Annotated[
        list[PlannedTime], doc("The next ticks; fewer than requested if the schedule ends before.")
    ]


class _Asked(msgspec.Struct, frozen=True):
    definition: Definition
    after: datetime
    count: int
    language: str


async def preview_schedule(state: State, request: Request) -> Response:
    asked = _read(query_of(request), datetime.now(UTC))
    with state.previews.hold(CALLER.get()):
        # Dates that hardly ever come are looked for day by day.
        return Json(await asyncio.to_thread(_preview, asked))


def _preview(asked: _Asked) -> Preview:
    definition = asked.definition
    times = when(definition, anchor_of(definition, asked.after))
    zone = read_timezone(definition.timezone)
    return Preview(sentence_of(definition, asked.language), next_times(times, asked.after, asked.count, zone))


def _read(query: Mapping[str, str], now: datetime) -> _Asked:
    """The request, except for its expression or interval, which is not parsed yet. Raises `InvalidValue`."""
    name, zone = query.get("name", ""), query.get("timezone", "UTC")
    if "name" in query:
        check_schedule_name(name)
    read_timezone(zone)
    count = whole_number("count", query.get("count"), _DEFAULT_TIMES, lowest=1, highest=MAX_TIMES)
    starts, ends = moment("starts_at", query.get("starts_at")), moment("ends_at", query.get("ends_at"))
    if starts is not None and ends is not None and ends < starts:
        raise InvalidValue("ends_at", "must not be before starts_at")
    after = moment("after", query.get("after"))
    language = query.get("language", _DEFAULT_LANGUAGE)
    if language not in LANGUAGES:
        raise InvalidValue("language", f"must be one of {', '.join(LANGUAGES)}")
    check_one_of_both(query.get("cron"), query.get("every"))
    definition = Definition(
        name=name,
        task_name="",
        module_path="",
        cron=query.get("cron"),
        every=query.get("every"),
        timezone=zone,
        starts_at=starts,
        ends_at=ends,
    )
    return _Asked(definition, now if after is None else after, count, language)


def _text(name: str, description: str, schema: Mapping[str, object]) -> Parameter:
    return Parameter(name=name, description=description, schema={"type": "string", **schema})


def _time(name: str, description: str) -> Parameter:
    return _text(name, description, {"format": "date-time"})


OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/schedules/preview",
        handler=preview_schedule,
        needs=Needs.READ_OF_NO_QUEUE,
        tag="schedules",
        summary="Preview the ticks of a schedule",
        description="Stores nothing. Give exactly one of `cron` and `every`.",
        parameters=(
            _text("cron", "A cron expression.", {**CRON_SCHEMA, "examples": ["0 9 * * 1-5"]}),
            _text("every", "An interval, for example 1h30m.", EVERY_SCHEMA),
            _text(
                "timezone",
                "The time zone of `cron`, an IANA name.",
                {**ZONE_SCHEMA, "default": "UTC"},
            ),
            Parameter(
                name="count",
                description="How many ticks to return.",
                schema={"type": "integer", "minimum": 1, "maximum": MAX_TIMES, "default": _DEFAULT_TIMES},
            ),
            _time("starts_at", "No tick before this time; UTC without an offset. Intervals count from it."),
            _time("ends_at", "No tick after this time."),
            _time("after", "Only ticks after this time. Default: now."),
            _text(
                "name",
                "The schedule's name, which determines the value of `H` in an expression.",
                SCHEDULE_NAME_SCHEMA,
            ),
            _text(
                "language",
                "The language of the description.",
                {"enum": list(LANGUAGES), "default": _DEFAULT_LANGUAGE},
            ),
        ),
        answers={200: Answer(description="The meaning in words, and the next ticks.", body=Preview)},
    ),
)
