"""Named API keys: create, list, delete."""

import re
import secrets
from http import HTTPStatus
from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.auth.sessions import check_still_admin
from lapinq_api.credentials.caller import author_of, unauthenticated
from lapinq_api.operations.body import read_json, read_no_fields
from lapinq_api.operations.endpoint import Answer, Needs, Operation, Parameter
from lapinq_api.state import State
from lapinq_api.wire.codec import Json
from lapinq_api.wire.errors import Refused
from lapinq_core.domain.accounts.account import Scope
from lapinq_core.domain.accounts.api_key import SECRET_BYTES, key_of
from lapinq_core.domain.accounts.grants import MAX_LIMITED, check_limit
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.interval import MAX_SECONDS
from lapinq_core.domain.requests.decoding import decode
from lapinq_core.domain.requests.values import Name, doc
from lapinq_core.domain.tasks.task import check_name
from lapinq_core.people import keys
from lapinq_core.people.keys import KeyRecord, NameTaken, NewKey, TooManyKeys, UnknownOwner

ScopeName = Annotated[str, msgspec.Meta(extra_json_schema={"enum": list(Scope)})]

KEY_ID = Parameter(
    name="id",
    where="path",
    description="The key's id.",
    schema={"type": "integer", "minimum": 0, "maximum": 10**18 - 1},
)


class KeyRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A key to create."""

    name: Name
    scopes: Annotated[
        list[ScopeName],
        doc("Its scopes, at least one.", example=["enqueue", "read"]),
        msgspec.Meta(extra_json_schema={"minItems": 1}),
    ]
    queues: Annotated[
        list[Name] | None,
        doc("The queues that it is limited to. Default: all.", example=["mail"]),
        msgspec.Meta(extra_json_schema={"minItems": 1, "maxItems": MAX_LIMITED}),
    ] = None
    expires_in: Annotated[
        float | None,
        doc("Seconds until it expires. Default: never.", example=7_776_000),
        msgspec.Meta(extra_json_schema={"minimum": 1, "maximum": MAX_SECONDS}),
    ] = None


class KeyMade(KeyRecord, frozen=True, kw_only=True):
    """A new key. `key` is the secret, which is shown only once."""

    key: str


class KeyDeleted(msgspec.Struct):
    """The id of the deleted key."""

    id: int
    deleted: bool = True


async def list_keys(state: State, request: Request) -> Response:
    return Json(await state.database.run(keys.list_all))


async def create_key(state: State, request: Request) -> Response:
    body = await read_json(request.scope, request.receive, state.settings.max_payload_size, state.admission)
    await check_still_admin(state, request.scope)
    asked = decode(_request, body)
    check_name("name", asked.name)
    new = NewKey(
        name=asked.name,
        scopes=_scopes(asked.scopes),
        queues=check_limit("queues", asked.queues),
        expires_in=asked.expires_in,
    )
    if new.expires_in is not None and not 1 <= new.expires_in <= MAX_SECONDS:
        raise InvalidValue("expires_in", f"must be between 1 and {MAX_SECONDS} (ten years)")
    key = key_of(secrets.token_bytes(SECRET_BYTES))
    try:
        made = await state.database.run(keys.create, new, key, by=author_of(request))
    except UnknownOwner as error:
        raise unauthenticated() from error
    except NameTaken as error:
        raise Refused(HTTPStatus.CONFLICT, "a key with this name exists already") from error
    except TooManyKeys as error:
        raise Refused(HTTPStatus.CONFLICT, f"there are already {keys.MAX_KEYS} keys, the maximum") from error
    return Json(KeyMade(**msgspec.structs.asdict(made), key=key), HTTPStatus.CREATED)


async def delete_key(state: State, request: Request) -> Response:
    key_id = _key_id(request)
    await read_no_fields(request.scope, request.receive, state.settings.max_payload_size, state.admission)
    await check_still_admin(state, request.scope)
    if not await state.database.run(keys.delete, key_id, by=author_of(request)):
        raise Refused(HTTPStatus.NOT_FOUND, "there is no key with this id")
    # Other servers are notified; here the key stops working before the response.
    state.keys.on_notify(f"key {key_id}")
    return Json(KeyDeleted(key_id))


_request = msgspec.json.Decoder(KeyRequest)


def _scopes(asked: list[str]) -> list[Scope]:
    """Each scope once, in declaration order. Raises `InvalidValue`."""
    for index, scope in enumerate(asked):
        if scope not in set(Scope):
            raise InvalidValue(f"scopes[{index}]", f"must be one of {', '.join(Scope)}")
    if not asked:
        raise InvalidValue("scopes", f"must name at least one of {', '.join(Scope)}")
    return [scope for scope in Scope if scope in asked]


def _key_id(request: Request) -> int:
    given: str = request.path_params["id"]
    if not _ID.fullmatch(given):
        raise InvalidValue("id", "must be a key's id, a whole number")
    return int(given)


_ID = re.compile(r"[0-9]{1,18}")

OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/keys",
        handler=list_keys,
        needs=Needs.ADMIN,
        tag="keys",
        summary="List API keys",
        answers={200: Answer(description="The keys, by name.", body=list[KeyRecord])},
    ),
    Operation(
        method="POST",
        path="/api/v1/keys",
        handler=create_key,
        needs=Needs.ADMIN,
        tag="keys",
        summary="Create an API key",
        description=(
            "The answer contains the key itself, which cannot be shown again. It stops working when the user who made"
            " it is deleted; one made with `LAPINQ_API_KEY` has no owner."
        ),
        body=KeyRequest,
        answers={
            201: Answer(
                description="The key is created.",
                body=KeyMade,
                links={"delete_key": {"id": "$response.body#/id"}},
            )
        },
        errors={409: f"A key with this name exists already, or there are {keys.MAX_KEYS} keys."},
    ),
    Operation(
        method="DELETE",
        path="/api/v1/keys/{id}",
        handler=delete_key,
        needs=Needs.ADMIN,
        tag="keys",
        summary="Delete an API key",
        description="It stops working immediately; on a server that misses the notification, within 5 seconds.",
        parameters=(KEY_ID,),
        answers={200: Answer(description="The key is deleted.", body=KeyDeleted)},
        errors={404: "There is no key with this id."},
    ),
)
