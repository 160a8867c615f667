"""Reads JSON as an annotation wants it."""

import logging
from collections.abc import Callable
from typing import Any, Optional

import msgspec

from lapinq_core.domain.annotations.kinds import Kind, kinds

log = logging.getLogger(__name__)

Reader = Callable[[bytes | msgspec.Raw], Any]
"""Returns the value of a JSON text.

Raises `Misfit`, and what the user's own validators raise besides ValueError and TypeError.
"""


class Misfit(ValueError):
    """A value doesn't fit an annotation. The message says why and where inside the value."""


def make_reader(annotation: Any, *, or_none: bool = False) -> Reader | None:
    """None for an annotation whose values arrive as JSON has them. With `or_none`, None fits too.

    That is one of plain types only, and one with a class that neither msgspec nor Pydantic can make. Of other classes,
    such as a dataclass, it logs that they can't be read.
    """
    try:
        return _make(Optional[annotation] if or_none else annotation)  # noqa: UP045  # `|` needs a class
    except Exception as error:  # noqa: BLE001  # user code: classes, whose fields may name what is not there
        log.warning(
            "values annotated as %r arrive as JSON holds them: it can't be read (%s)", annotation, error
        )
        return None


def _make(annotation: Any) -> Reader | None:
    found = kinds(annotation)
    if Kind.PYDANTIC in found:
        from lapinq_core.domain.annotations import pydantic_types

        adapter = pydantic_types.adapter_of(annotation)
        if adapter is not None:
            return _pydantic_reader(adapter)
    if Kind.UNKNOWN in found or found == {Kind.PLAIN}:
        return None
    from lapinq_core.domain.annotations.stand_ins import StandIns, describe

    stand_ins = StandIns()
    decoder = msgspec.json.Decoder(stand_ins.accepted(annotation), dec_hook=stand_ins.read)

    def read(text: bytes | msgspec.Raw) -> Any:
        try:
            return decoder.decode(text)
        except msgspec.ValidationError as error:
            raise Misfit(describe(error)) from None

    return read


def _pydantic_reader(adapter: Any) -> Reader:
    from lapinq_core.domain.annotations import pydantic_types

    def read(text: bytes | msgspec.Raw) -> Any:
        try:
            return pydantic_types.read(adapter, bytes(text))
        except pydantic_types.ValidationError as error:
            raise Misfit(pydantic_types.describe(error)) from error

    return read
