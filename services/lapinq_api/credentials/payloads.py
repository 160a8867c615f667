"""Decides what a caller sees of payloads, and whether they may search them.

The database returns objects as JSON text. If nothing is hidden from the caller, the text is passed on as is. Otherwise
it is decoded and masked row by row, because a user may see payloads in some queues and not in others.

Webhook URLs are masked from the same callers, whatever the setting `redact` hides: a URL may hold a password or token.
Who may read some queues only isn't told which task another one waits for, as that may be elsewhere.
"""

import asyncio
import json
from collections.abc import Collection, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from lapinq_api.wire.errors import Refused
from lapinq_core.domain.accounts.account import Actor, ActorKind, Permission, scopes_for
from lapinq_core.domain.annotations.task_parameter import TaskParameter
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.redact import (
    ADDRESS_FIELDS,
    HIDDEN,
    HIDDEN_TEXT,
    PAYLOAD_FIELDS,
    PAYLOAD_FILTERS,
    RESULT,
    Redactor,
    mask_address,
)

_LARGE = 64 * 1024
"""Characters. Longer text is masked in a thread, so that it doesn't block the event loop."""


class Payloads:
    """Created once, from the setting `redact`."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._redactor = Redactor(patterns) if patterns else None

    def for_(self, actor: Actor) -> "PayloadView":
        """How `actor` sees payloads."""
        sees_all = actor.may(Permission.PAYLOAD, None)
        return PayloadView(actor, None if sees_all else self._redactor, sees_all=sees_all)


class PayloadView:
    """Tasks as `actor` may see them.

    `redactor` is None if only webhook URLs are hidden from them; with `sees_all`, not even those are.
    """

    def __init__(self, actor: Actor, redactor: Redactor | None, *, sees_all: bool) -> None:
        self._actor = actor
        self._redactor = redactor
        self._sees_all = sees_all

    @property
    def is_whole(self) -> bool:
        """Whether they see all values, except URLs, in every queue."""
        return self._redactor is None

    def hides(self, queue: str | None) -> bool:
        """Whether values in tasks of `queue` are hidden from them; None is all queues, or an unknown one."""
        return self._redactor is not None and not self._actor.may(Permission.PAYLOAD, queue)

    def shows(self, queue: str | None) -> bool:
        """Whether they see the results of tasks of `queue`; None is all queues."""
        return self._actor.may_read(queue) and not self.hides(queue)

    def shows_question(self, queue: str | None) -> bool:
        """Whether they see what tasks of `queue` ask people: who may answer does."""
        return not self.hides(queue) or self._actor.may(Permission.DECIDE, queue)

    def check_search(self, filters: Mapping[str, str], queues: Sequence[str | None]) -> None:
        """Raises `Refused` (403) if they may not use `filters`, texts by name, on tasks of `queues` ([None] is all).

        A caller who learns which tasks contain a text can guess hidden values letter by letter.
        """
        searched = [name for name in PAYLOAD_FILTERS if name in filters]
        hidden = [queue for queue in queues if self.hides(queue)]
        if searched and hidden:
            missing = self._missing_permission(hidden[0])
            raise Refused(
                HTTPStatus.FORBIDDEN, f"{self._actor.name} may not search {' and '.join(searched)} {missing}"
            )

    def check_holds_no_mask(self, queue: str | None, given: Mapping[str, Any]) -> None:
        """Raises `InvalidValue` if `given`, new values by field, contain a mask of something hidden from them in
        `queue`.

        A caller who writes back what they were shown would replace the value with the mask.
        """
        masked: list[str] = []
        if self.hides(queue):
            masked += [
                name
                for name in PAYLOAD_FIELDS
                if name in given and HIDDEN_TEXT.encode() in msgspec.json.encode(given[name])
            ]
        if self._hides_addresses(queue):
            masked += [name for name in ADDRESS_FIELDS if HIDDEN in (given.get(name) or "")]
        for name in masked:
            raise InvalidValue(
                name, f"must not hold {HIDDEN}, the mask of a value that you may not see: leave the field out"
            )

    def check_move(self, old: str, new: str, address: str | None) -> None:
        """Checks a move between queues of something with a payload and perhaps a webhook URL (`address`).

        Raises `Refused` (403) if the move would show them what is hidden now.
        """
        shows_payload = self.hides(old) and not self.hides(new)
        shows_address = self.mask_address(address, old) != address == self.mask_address(address, new)
        if shows_payload or shows_address:
            raise Refused(
                HTTPStatus.FORBIDDEN,
                (
                    f"{self._actor.name} may not move it from the queue {old}, where its values are hidden"
                    f" from them, to {new}, where they are not"
                ),
            )

    def check_result(self, queue: str, ref: str, stored: Mapping[str, Any]) -> None:
        """Checks that they may see the end, `result` and `error`, of the task `ref` of `queue`, to pass it on.

        Raises `Refused` (403).
        """
        if self._conceals(queue, stored):
            raise self.hidden_result(ref)

    def hidden_result(self, ref: str) -> Refused:
        """The error for who asks to pass on the result of the task `ref`."""
        return Refused(
            HTTPStatus.FORBIDDEN,
            f"{self._actor.name} may not pass on the result of {ref}: values of it are hidden from them",
        )

    def check_steering(self, queue: str, stored: Mapping[str, Any], changes: Collection[str]) -> None:
        """Checks `changes`, names of fields, to a call of `queue` whose payload is `stored`, or to a copy of it.

        Hidden values that stay go where they were stored for: to the same function and webhook, beside the same other
        values. A function of the caller's choice, or a recipient among its arguments, could hand them on. Raises
        `Refused` (403).
        """
        stays = {name: value for name, value in stored.items() if name not in changes}
        for name in _STEERING:
            if name in changes and self._conceals(queue, stays):
                raise Refused(
                    HTTPStatus.FORBIDDEN,
                    f"{self._actor.name} may not change {name}: of what stays, values are hidden from them",
                )

    def check_steps_stay(self, queue: str, changes: Collection[str]) -> None:
        """Checks `changes` to a copy of a task of `queue` that takes over steps, whose results may be hidden from the
        caller.

        Raises `Refused` (403).
        """
        for name in _STEERING:
            if name in changes and self.hides(queue):
                raise Refused(
                    HTTPStatus.FORBIDDEN,
                    f"{self._actor.name} may not change {name} with from_step: steps may hold values hidden from them",
                )

    def searchable(self, filters: Mapping[str, str], queues: Sequence[str | None]) -> dict[str, str]:
        """`filters` without those they may not use on tasks of `queues`."""
        if not any(map(self.hides, queues)):
            return dict(filters)
        return {name: text for name, text in filters.items() if name not in PAYLOAD_FILTERS}

    def mask_filters(self, filters: Mapping[str, str], queues: Sequence[str | None]) -> dict[str, str]:
        """`filters`, with a mask for the values of those they may not use on tasks of `queues`."""
        shown = self.searchable(filters, queues)
        return {name: shown.get(name, HIDDEN) for name in filters}

    def mask_object(self, shown: dict[str, Any], queue: str | None = None) -> dict[str, Any]:
        """A masked copy of a decoded task, attempt or result.

        `queue` is the task's, for objects that don't name it. Without either, everything that may be hidden is.
        """
        if self._sees_all:
            return shown
        queue = shown.get("queue_name", queue)
        redactor = self._redactor if self.hides(queue) else None
        if self._hides_wait(shown.get("waiting_for")):
            shown = {**shown, "waiting_for": _ANOTHER_TASK}
        return {name: self._mask_field(name, value, queue, redactor) for name, value in shown.items()}

    def mask_parameters(self, parameters: Sequence[TaskParameter], queue: str | None) -> list[TaskParameter]:
        """The parameters of a task function of `queue` (None is unknown), without the defaults that are hidden."""
        redactor = self._redactor
        if redactor is None or not self.hides(queue):
            return list(parameters)
        return [
            _without_default(one) if redactor.hides_argument(one.name, one.default) else one
            for one in parameters
        ]

    def mask_address(self, url: str | None, queue: str | None) -> str | None:
        """The webhook URL of a task of `queue`, masked if necessary."""
        return mask_address(url) if url is not None and self._hides_addresses(queue) else url

    async def encoded(self, text: str, queue: str | None = None) -> bytes:
        """Like `mask_object`, for JSON text of one object or a list."""
        if self._redactor is None and (self._sees_all or not any(mark in text for mark in _MARKS)):
            return text.encode()
        if len(text) < _LARGE:
            return self._masked(text, queue)
        return await asyncio.to_thread(self._masked, text, queue)

    def _conceals(self, queue: str, payload: Mapping[str, Any]) -> bool:
        """Whether something in `payload` is hidden from them. From who may not read, everything is."""
        if not self._actor.may_read(queue):
            return any(payload.values())
        masked = self.mask_object(dict(payload), queue) if self.hides(queue) else payload
        return masked != payload

    def _hides_wait(self, waiting_for: Any) -> bool:
        return self._actor.queues is not None and bool(waiting_for) and waiting_for["kind"] == "task"

    def _hides_addresses(self, queue: str | None) -> bool:
        return not self._sees_all and not self._actor.may(Permission.PAYLOAD, queue)

    def _mask_field(self, name: str, value: Any, queue: str | None, redactor: Redactor | None) -> Any:
        if name in ADDRESS_FIELDS:
            return self.mask_address(value, queue)
        return redactor.mask_field(name, value) if redactor and name in PAYLOAD_FIELDS else value

    def _masked(self, text: str, queue: str | None) -> bytes:
        found: dict[str, Any] | list[dict[str, Any]]
        try:
            found = _objects.decode(text)
        except msgspec.DecodeError:
            # Half of a surrogate pair, in a row that wasn't written through lapinq. The slower decoder accepts it.
            return self._masked_slowly(text, queue)
        rows = [found] if isinstance(found, dict) else found
        for one in rows:
            named = one.get("queue_name")
            where = queue if named is None else msgspec.json.decode(named, type=str)
            # Decode only payload and URLs; all other values stay as they are.
            if self._redactor is not None and self.hides(where):
                for name in PAYLOAD_FIELDS:
                    if name in one:
                        one[name] = _mask_raw(self._redactor, name, one[name])
            if self._hides_addresses(where):
                for name in ADDRESS_FIELDS:
                    if name in one:
                        one[name] = self._mask_raw_address(one[name], where)
            if "waiting_for" in one and self._hides_wait(msgspec.json.decode(one["waiting_for"])):
                one["waiting_for"] = msgspec.Raw(msgspec.json.encode(_ANOTHER_TASK))
        return msgspec.json.encode(found)

    def _masked_slowly(self, text: str, queue: str | None) -> bytes:
        found: dict[str, Any] | list[dict[str, Any]] = json.loads(text)
        if isinstance(found, dict):
            return json.dumps(self.mask_object(found, queue)).encode()
        return json.dumps([self.mask_object(one, queue) for one in found]).encode()

    def _mask_raw_address(self, raw: msgspec.Raw, queue: str | None) -> msgspec.Raw:
        masked = self.mask_address(msgspec.json.decode(raw, type=str | None), queue)
        return msgspec.Raw(msgspec.json.encode(masked))

    def _missing_permission(self, queue: str | None) -> str:
        if self._actor.kind is ActorKind.KEY:
            return f"of tasks: this needs a key with the scope {' or '.join(scopes_for(Permission.PAYLOAD))}"
        if queue is None:
            return f"on all queues: name a queue on which they have the permission {Permission.PAYLOAD}"
        return f"on the queue {queue}: this needs the permission {Permission.PAYLOAD}"


def _without_default(parameter: TaskParameter) -> TaskParameter:
    return msgspec.structs.replace(parameter, default=msgspec.UNSET)


def audited(payloads: Payloads, value: str) -> dict[str, Any]:
    """`value`, JSON text that was sent to a task, for the audit log: as those see it who may not see hidden values."""
    shown = payloads.for_(_ANYBODY).mask_object({RESULT: value})[RESULT]
    return {"value": shown if len(shown) <= _MAX_AUDITED else f"{shown[:_MAX_AUDITED]}…"}


_MAX_AUDITED = 1000
_ANYBODY = Actor(kind=ActorKind.USER, name="anybody")

CARRIED = ("args", "kwargs", "metadata")
"""The payload of a call."""
_ANOTHER_TASK = {"kind": "task", "name": None}
_STEERING = ("task_name", "module_path", "webhook_url", *CARRIED)
"""The fields that decide who learns what a call carries."""

_MARKS = (*(f'"{name}":"' for name in ADDRESS_FIELDS), '"waiting_for":{"kind": "task"')
"""JSON text from the database contains one of these if it has a webhook URL, or a task that waits for another."""

_objects = msgspec.json.Decoder(dict[str, msgspec.Raw] | list[dict[str, msgspec.Raw]])


def _mask_raw(redactor: Redactor, name: str, raw: msgspec.Raw) -> Any:
    try:
        value = msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return _UNREADABLE[name]  # e.g. a number that doesn't fit a double
    masked = redactor.mask_field(name, value)
    return raw if masked is value else masked


_UNREADABLE: dict[str, Any] = {"args": [HIDDEN], "kwargs": {}, "result": HIDDEN_TEXT, "metadata": None}
