"""`unique` and `debounce` of a request to enqueue a task."""

from typing import Annotated, cast

import msgspec
from msgspec import Meta

from lapinq_core.domain.requests.values import Key, MoreSeconds, doc
from lapinq_core.domain.tasks.unique import ON_CONFLICT, UNTIL, Debounce, OnConflict, Unique

_Until = Annotated[str, Meta(extra_json_schema={"enum": list(UNTIL)})]


class UniqueRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """While a task of the queue holds the key, no other is stored with it. A null field counts as omitted."""

    key: Annotated[Key, doc("What the task is about; it belongs to the queue.", example="invoice:42")]
    until: Annotated[
        _Until | MoreSeconds | None,
        doc(
            "How long the task holds the key: until it has started, until it has finished (retries included), or for"
            " this many seconds, whether it has ended or not.",
            default="finished",
        ),
    ] = None
    on_conflict: Annotated[
        Annotated[str, Meta(extra_json_schema={"enum": list(ON_CONFLICT)})] | None,
        doc(
            "While another task holds the key: `return` its id, `reject` the request (409), or `replace` its arguments"
            " and options, if it waits.",
            default="return",
        ),
    ] = None

    def read(self) -> Unique:
        """Not yet checked."""
        return Unique(
            self.key,
            "finished" if self.until is None else self.until,
            "return" if self.on_conflict is None else cast("OnConflict", self.on_conflict),
        )


class DebounceRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """At most one task with the key waits in the queue: each call replaces it and puts it off."""

    key: Annotated[Key, doc("What the task is about; it belongs to the queue.", example="reindex:7")]
    delay: Annotated[MoreSeconds, doc("Seconds from the latest call to the start.", example=5)]
    max_wait: Annotated[
        MoreSeconds | None,
        doc(
            "The task is due at most this many seconds after the first call. Default: calls may put it off forever.",
            example=60,
        ),
    ] = None

    def read(self) -> Debounce:
        """Not yet checked."""
        return Debounce(self.key, self.delay, self.max_wait)
