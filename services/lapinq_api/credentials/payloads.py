"""What of a task's payload whoever asks is shown, and whether they may search it.

Objects come from the database as JSON text. As long as nothing is hidden from the one who asks they are passed on as
they are; only else are they taken apart, row by row, for a person may see what is in some queues and not in others.

The addresses of webhooks are masked for the same people, whether the settings hide anything or not: an address may
carry a password or a token.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from lapinq_api.wire.errors import Refused
from lapinq_core.domain.accounts.account import Actor, ActorKind, Permission, scopes_for
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.redact import (
    ADDRESS_FIELDS,
    HIDDEN,
    HIDDEN_TEXT,
    PAYLOAD_FIELDS,
    Redactor,
    mask_address,
)

_LARGE = 64 * 1024
"""Characters from which on text is masked in a thread: it would hold up everybody else."""


class Payloads:
    """Made once, of the setting `redact`."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._redactor = Redactor(patterns) if patterns else None

    def for_(self, actor: Actor) -> "PayloadView":
        """What `actor` is shown."""
        sees_all = actor.may(Permission.PAYLOAD, None)
        return PayloadView(actor, None if sees_all else self._redactor, sees_all=sees_all)


class PayloadView:
    """Tasks as `actor` may see them.

    `redactor` is None where nothing is hidden from them but addresses, and with `sees_all` not these either.
    """

    def __init__(self, actor: Actor, redactor: Redactor | None, *, sees_all: bool) -> None:
        self._actor = actor
        self._redactor = redactor
        self._sees_all = sees_all

    @property
    def is_whole(self) -> bool:
        """Whether nothing but addresses is hidden from them, whatever the queue."""
        return self._redactor is None

    def hides(self, queue: str | None) -> bool:
        """Whether values are hidden from them in tasks of `queue`; None is all queues at once, or one not known."""
        return self._redactor is not None and not self._actor.may(Permission.PAYLOAD, queue)

    def may_search(self, queue: str | None) -> bool:
        """Whether they may look for tasks of `queue`, None is all of them, by what these carry.

        Who is told which tasks contain a text can guess what is hidden from them, letter by letter.
        """
        return not self.hides(queue)

    def check_search(self, filters: Mapping[str, str]) -> None:
        """Returns when they may use `filters`, texts by name, of which `queue` narrows them. Raises `Refused` (403)."""
        queue = filters.get("queue")
        searched = [name for name in PAYLOAD_FIELDS if name in filters]
        if searched and not self.may_search(queue):
            raise Refused(
                HTTPStatus.FORBIDDEN,
                f"{self._actor.name} may not search {' and '.join(searched)} {self._lack(queue)}",
            )

    def check_holds_no_mask(self, queue: str | None, given: Mapping[str, Any]) -> None:
        """Returns when `given`, new values by field, hold nothing that stands for what is hidden from them in `queue`.

        Who writes back what they were shown would put the mask in the place of the value. Raises `InvalidValue`.
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
                name, f"must not hold {HIDDEN}, which stands for what you may not see: leave it out"
            )

    def check_move(self, old: str, new: str, address: str | None) -> None:
        """Returns when they may move what carries a payload, and calls `address`, between these queues.

        They may not where the move itself would show them what is hidden: it raises `Refused` (403).
        """
        shows_payload = self.hides(old) and not self.hides(new)
        shows_address = self.mask_address(address, old) != address == self.mask_address(address, new)
        if shows_payload or shows_address:
            raise Refused(
                HTTPStatus.FORBIDDEN,
                f"{self._actor.name} may not move it from the queue {old}, where values are hidden from them,"
                f" to {new}, where they are shown",
            )

    def searchable(self, filters: Mapping[str, str]) -> dict[str, str]:
        """`filters` without those that they may not use."""
        if self.may_search(filters.get("queue")):
            return dict(filters)
        return {name: text for name, text in filters.items() if name not in PAYLOAD_FIELDS}

    def mask_object(self, shown: dict[str, Any], queue: str | None = None) -> dict[str, Any]:
        """A decoded object of a task, an attempt or a result as they may see it; `shown` itself is left as it is.

        `queue` is that of the task, for an object which does not name it. Where nobody says, all is hidden that may be.
        """
        if self._sees_all:
            return shown
        queue = shown.get("queue_name", queue)
        redactor = self._redactor if self.hides(queue) else None
        return {name: self._mask_field(name, value, queue, redactor) for name, value in shown.items()}

    def mask_address(self, url: str | None, queue: str | None) -> str | None:
        """The address of a webhook of `queue` as they may see it; None is none."""
        return mask_address(url) if url is not None and self._hides_addresses(queue) else url

    async def encoded(self, text: str, queue: str | None = None) -> bytes:
        """As `mask_object`, for JSON text of one object or a list of them."""
        if self._redactor is None and (self._sees_all or not any(mark in text for mark in _ADDRESSES)):
            return text.encode()
        if len(text) < _LARGE:
            return self._masked(text, queue)
        return await asyncio.to_thread(self._masked, text, queue)

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
            # Half of a surrogate pair, in a row that somebody wrote around us. The slower reader doesn't mind it.
            return self._masked_slowly(text, queue)
        rows = [found] if isinstance(found, dict) else found
        for one in rows:
            named = one.get("queue_name")
            where = queue if named is None else msgspec.json.decode(named, type=str)
            # Only the payload and addresses are decoded; every other value stays as it was written.
            if self._redactor is not None and self.hides(where):
                for name in PAYLOAD_FIELDS:
                    if name in one:
                        one[name] = _mask_raw(self._redactor, name, one[name])
            if self._hides_addresses(where):
                for name in ADDRESS_FIELDS:
                    if name in one:
                        one[name] = self._mask_raw_address(one[name], where)
        return msgspec.json.encode(found)

    def _masked_slowly(self, text: str, queue: str | None) -> bytes:
        found: dict[str, Any] | list[dict[str, Any]] = json.loads(text)
        if isinstance(found, dict):
            return json.dumps(self.mask_object(found, queue)).encode()
        return json.dumps([self.mask_object(one, queue) for one in found]).encode()

    def _mask_raw_address(self, raw: msgspec.Raw, queue: str | None) -> msgspec.Raw:
        masked = self.mask_address(msgspec.json.decode(raw, type=str | None), queue)
        return msgspec.Raw(msgspec.json.encode(masked))

    def _lack(self, queue: str | None) -> str:
        if self._actor.kind is ActorKind.KEY:
            return f"of tasks: that takes a key with the scope {' or '.join(scopes_for(Permission.PAYLOAD))}"
        if queue is None:
            return (
                f"on every queue at once: name a queue on which they have the permission {Permission.PAYLOAD}"
            )
        return f"on the queue {queue}: that takes the permission {Permission.PAYLOAD}"


_ADDRESSES = tuple(f'"{name}":"' for name in ADDRESS_FIELDS)
"""What JSON text of the database has in it where it has an address."""

_objects = msgspec.json.Decoder(dict[str, msgspec.Raw] | list[dict[str, msgspec.Raw]])


def _mask_raw(redactor: Redactor, name: str, raw: msgspec.Raw) -> Any:
    try:
        value = msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return _UNREADABLE[name]  # a number beyond any double, say
    masked = redactor.mask_field(name, value)
    return raw if masked is value else masked


_UNREADABLE: dict[str, Any] = {"args": [HIDDEN], "kwargs": {}, "result": HIDDEN_TEXT, "metadata": None}
