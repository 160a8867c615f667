"""What lapinq answers: its JSON object, or why it refused the call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import msgspec

from lapinq.errors import RequestRefused
from lapinq_core.domain.requests.refusals import NOTHING_HERE, UNKNOWN_TASK

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx


class Answer(msgspec.Struct, frozen=True):
    """The answer to a call, with the status code and the body that the HTTP API gives.

    The names of `headers` are in lower case. `url` says what answered. `response` is an `httpx.Response` if there was
    one; it is not typed so that no httpx is needed.
    """

    status_code: int
    body: bytes
    headers: Mapping[str, str] = {}
    url: str = ""
    response: Any = None

    @property
    def is_success(self) -> bool:
        return 200 <= self.status_code < 300

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")

    def as_response(self) -> httpx.Response:
        """As the published client gives it."""
        if self.response is not None:
            return cast("httpx.Response", self.response)
        import httpx

        return httpx.Response(
            self.status_code,
            headers=dict(self.headers),
            content=self.body,
            request=httpx.Request("POST", self.url),
        )


TEMPORARY = frozenset({429, 502, 503, 504})
"""The same call may succeed later."""


def answer_of(response: httpx.Response) -> Answer:
    try:
        url = str(response.url)
    except RuntimeError:  # made by hand, without a request
        url = ""
    return Answer(response.status_code, response.content, response.headers, url, response)


def read_object(answer: Answer) -> dict[str, Any]:
    """The JSON object in an answer. Empty if the body is something else, such as a proxy's error page."""
    try:
        return msgspec.json.decode(answer.body, type=dict[str, Any])
    except msgspec.DecodeError:
        return {}


def refusal(answer: Answer, what: str) -> RequestRefused | None:
    """The error for an answer that is not a success. `what` begins its message."""
    if answer.is_success:
        return None
    body = read_object(answer)
    error, details = body.get("error"), _details(body.get("details"))
    status, phrase = answer.status_code, _phrase(answer.status_code)
    if isinstance(error, str):
        where = "; ".join(f"{detail.loc}: {detail.msg}" for detail in details if detail.msg not in error)
        told = f"{status}: {error}" + (f" ({where})" if where else "") + _remedy(answer, error)
    else:
        error = answer.text[:_QUOTED].strip() or phrase
        told = (
            f"{_place(answer)} answered {f'{status} {phrase}'.rstrip()} without an error of lapinq: {_ASKS}"
            + _redirect(answer)
        )
    return RequestRefused(
        f"{what}: {told}",
        status_code=status,
        error=error,
        details=[msgspec.structs.asdict(detail) for detail in details],
        request_id=answer.headers.get("x-request-id"),
        task_id=body.get("task_id"),
    )


def check_enqueued(answer: Answer, what: str, *, raise_errors: bool) -> None:
    """Raise the refusal of an enqueue, or log it: it leaves a trace even if nobody checks the answer."""
    error = refusal(answer, what)
    if error is None and raise_errors and not read_object(answer):
        error = not_lapinq(answer)
    if error is None:
        return
    if raise_errors:
        raise error
    import logging

    logging.getLogger("lapinq").warning("%s", error)


def is_unknown_task(answer: Answer) -> bool:
    """Whether there is no such task, or it can't be cancelled. False for a wrong URL, whose path nothing answers."""
    return answer.status_code == 404 and read_object(answer).get("error") != NOTHING_HERE


def not_lapinq(answer: Answer) -> RequestRefused:
    """The error for a success with something else than the API's answer."""
    return RequestRefused(
        f"{_place(answer)} did not answer as lapinq does: {_ASKS}",
        status_code=answer.status_code,
        error=answer.text[:_QUOTED].strip(),
    )


def retry_after(answer: Answer) -> float:
    """How many seconds the server asks to wait. 0 if it doesn't."""
    header = answer.headers.get("retry-after", "")
    return float(header) if header.isascii() and header.isdecimal() else 0.0


_REMEDIES = {
    401: ". Pass api_key=, or set LAPINQ_API_KEY: it goes to the server that LAPINQ_URL names, without that to one on"
    " this machine",
    413: ". Put large data into a file or a table and pass its name, or raise LAPINQ_MAX_PAYLOAD_SIZE of the server,"
    " for batches and workflows LAPINQ_MAX_BATCH_PAYLOAD_SIZE",
}
"""What to do about a refusal, by its status code. The server says what is wrong, not how a client gets it right."""
_NOT_FOUND = {
    UNKNOWN_TASK: ". Perhaps the transaction that enqueues it has not committed yet, or it was deleted",
    NOTHING_HERE: ": {}. The URL of a server ends before /api/v1",
}
_ASKS = "is it a lapinq server?"
_QUOTED = 200
"""Characters of another server's answer."""


def _remedy(answer: Answer, error: str) -> str:
    if answer.status_code == 404:
        return _NOT_FOUND.get(error, "").format(_place(answer))
    return _REMEDIES.get(answer.status_code, "")


def _redirect(answer: Answer) -> str:
    to = answer.headers.get("location") if 300 <= answer.status_code < 400 else None
    return "" if to is None else f" It redirects to {to}, and the client does not follow: name that server"


def _place(answer: Answer) -> str:
    return answer.url or "the server"  # without a URL if the answer was made by hand


class _Detail(msgspec.Struct):
    loc: str
    msg: str


def _details(value: Any) -> list[_Detail]:
    try:
        return msgspec.convert(value, list[_Detail])
    except msgspec.ValidationError:  # none, or not from a lapinq server
        return []


def _phrase(status_code: int) -> str:
    from http import HTTPStatus

    try:
        return HTTPStatus(status_code).phrase
    except ValueError:
        return ""
