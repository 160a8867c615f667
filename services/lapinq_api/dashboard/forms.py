"""Reads the small forms of pages that work without scripts."""

import logging

from python_multipart.exceptions import FormParserError
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.types import Message

from lapinq_api.operations.body import read_body
from lapinq_api.state import State
from lapinq_core.domain.errors import InvalidValue

MAX_FORM_BYTES = 16 * 1024
_MAX_FIELDS = 10

log = logging.getLogger(__name__)


async def read_form(
    state: State, request: Request, max_bytes: int = MAX_FORM_BYTES, max_fields: int = _MAX_FIELDS
) -> FormData:
    """Raises `InvalidValue`, and `Refused` if the form is too large or slow."""
    body = await read_body(request.scope, request.receive, max_bytes, state.admission)

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    again = Request(request.scope, receive)
    try:
        return await again.form(max_files=0, max_fields=max_fields, max_part_size=max_bytes)
    except (HTTPException, MultiPartException, FormParserError, ValueError, LookupError) as error:
        log.info("could not read a form: %s", type(error).__name__)
        raise InvalidValue("it", "is malformed") from error


def field(form: FormData, name: str) -> str:
    """The value of a field. Raises `InvalidValue` unless it was given once, as text."""
    values = form.getlist(name)
    if len(values) != 1 or not isinstance(values[0], str):
        raise InvalidValue(name, "must be given once")
    return values[0]


def sentence(text: str) -> str:
    """An error as a sentence to show."""
    return f"{text[:1].upper()}{text[1:]}."
