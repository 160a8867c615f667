"""Tables of requests that are refused with a 400 by the place of what is wrong."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

import httpx

Row = tuple[Any, str] | tuple[Any, str, str]
"""What is sent, the place that the answer names, and a part of what it says of it."""


def check_refused(
    client: httpx.Client, method: str, path: str, rows: Iterable[Row], base: Mapping[str, Any] | None = None
) -> None:
    """Sends each row as the body of a request. Bytes are sent as they are; an object is added to `base`, if given."""
    headers = {"Content-Type": "application/json"}
    _check(
        (sent, rest, client.request(method, path, content=sent, headers=headers))
        if isinstance(sent, bytes)
        else (sent, rest, client.request(method, path, json=_with(base, sent)))
        for sent, *rest in rows
    )


def check_queries_refused(client: httpx.Client, method: str, path: str, rows: Iterable[Row]) -> None:
    """Sends each row as the query, text as it is."""
    _check(
        (sent, rest, client.request(method, f"{path}?{sent}"))
        if isinstance(sent, str)
        else (sent, rest, client.request(method, path, params=sent))
        for sent, *rest in rows
    )


def _with(base: Mapping[str, Any] | None, sent: Any) -> Any:
    return {**base, **cast("dict[str, Any]", sent)} if base is not None and isinstance(sent, dict) else sent


def _check(answers: Iterable[tuple[Any, list[str], httpx.Response]]) -> None:
    wrong: list[str] = []
    for sent, (loc, *said), answer in answers:
        details = answer.json().get("details") or [{"loc": None, "msg": ""}]
        told = f"{details[0]['loc']} {details[0]['msg']}"
        is_named = len(details) == 1 and details[0]["loc"] == loc and all(part in told for part in said)
        if (
            answer.status_code != 400
            or not is_named
            or not answer.json()["error"].endswith(details[0]["msg"])
        ):
            wrong.append(f"{str(sent)[:100]}: {answer.status_code} {answer.text[:300]}")
    assert not wrong, "\n".join(wrong)
