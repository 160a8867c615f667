"""References: in the arguments of a task in a workflow, objects that stand for the results of its parents.

`{"$result": "fetch"}` is the result of the parent with that ref, null if it did not complete or is gone.
`{"$outcome": "fetch"}` is `{"status": …, "result": …, "error": …}`. Only an object with that one key counts; any
other is data.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

import msgspec

from lapinq_core.domain.errors import InvalidValue

RESULT, OUTCOME = "$result", "$outcome"
_IN_JSON = (b'"$result"', b'"$outcome"')
_CONTAINERS = (list, dict)

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder()


class ParentOutcome(msgspec.Struct, frozen=True, weakref=True):
    """How a parent ended: `completed`, `failed`, `cancelled`, `expired` or `deleted`; `pending` if it hasn't.

    `result` is JSON text, null if there is none. `error` is that of a parent which did not complete.
    """

    status: str
    result: msgspec.Raw = msgspec.Raw(b"null")  # it can't change
    error: str | None = None


GONE = ParentOutcome("deleted")


def refs_in(value: object, loc: str = "") -> set[str]:
    """The refs that a JSON value at `loc` names, at any depth.

    Raises `InvalidValue` for an object with one of the two keys alone whose value is no string.
    """
    refs: set[str] = set()
    todo = [(loc, value)]
    while todo:
        place, item = todo.pop()
        if isinstance(item, dict):
            fields = cast("dict[str, object]", item)
            key = _only_key(fields)
            if key in (RESULT, OUTCOME):
                if not isinstance(ref := fields[key], str):
                    raise InvalidValue(f"{place}.{key}", "must be the ref of a task, a string")
                refs.add(ref)
            todo += [(f"{place}.{name}", one) for name, one in fields.items() if type(one) in _CONTAINERS]
        elif isinstance(item, list):
            items = enumerate(cast("list[object]", item))
            todo += [(f"{place}[{index}]", one) for index, one in items if type(one) in _CONTAINERS]
    return refs


def references_in(*texts: bytes | msgspec.Raw) -> list[str]:
    """The refs that JSON texts name, each as often as they do. Texts without a reference are not decoded."""
    return [
        ref
        for text in map(bytes, texts)
        if _may_refer(text)
        for _, ref in _named_in(_decoder.decode(text))
        if isinstance(ref, str)
    ]


def resolve(value: object, outcomes: Mapping[str, ParentOutcome]) -> Any:
    """A copy of a JSON value with what its references stand for; results in it are `msgspec.Raw`.

    A parent that is not in `outcomes` is gone.
    """
    top: list[Any] = [value]
    todo: list[Any] = [top]
    while todo:
        container = todo.pop()
        for key, item in _items(container):
            if (reference := _reference(item)) is not None:
                container[key] = _stands_for(*reference, outcomes)
            elif isinstance(item, (list, dict)):
                container[key] = copy = cast("list[Any] | dict[str, Any]", item).copy()
                todo.append(copy)
    return top[0]


def resolve_json(text: bytes | msgspec.Raw, outcomes: Mapping[str, ParentOutcome]) -> bytes:
    """The same for a JSON text. The texts of results are copied, not decoded."""
    found = bytes(text)
    return _encoder.encode(resolve(_decoder.decode(found), outcomes)) if _may_refer(found) else found


def _may_refer(text: bytes) -> bool:
    return any(key in text for key in _IN_JSON)


def _named_in(value: object) -> Iterator[tuple[str, object]]:
    """The key and value of each object that is a reference, or would be one if its value were a string."""
    todo = [value]
    while todo:
        item = todo.pop()
        key = _only_key(item)
        if key in (RESULT, OUTCOME):
            yield key, cast("dict[str, object]", item)[key]
        todo.extend(item for _, item in _items(item))


def _reference(value: object) -> tuple[str, str] | None:
    """Its key and ref, if the value is a reference."""
    key = _only_key(value)
    if key not in (RESULT, OUTCOME):
        return None
    ref = cast("dict[str, object]", value)[key]
    return (key, ref) if isinstance(ref, str) else None


def _only_key(value: object) -> str | None:
    """The key of an object with one."""
    found = cast("dict[str, object]", value) if isinstance(value, dict) else {}
    return next(iter(found)) if len(found) == 1 else None


def _stands_for(key: str, ref: str, outcomes: Mapping[str, ParentOutcome]) -> Any:
    outcome = outcomes.get(ref, GONE)
    return outcome.result if key == RESULT else msgspec.structs.asdict(outcome)


def _items(value: object) -> Iterable[tuple[Any, Any]]:
    """What a list or an object contains, by index or key."""
    if isinstance(value, dict):
        return cast("dict[Any, Any]", value).items()
    return enumerate(cast("list[Any]", value)) if isinstance(value, list) else ()
