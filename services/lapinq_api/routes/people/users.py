"""User management for admins: list and create users, set roles and permissions, delete users, and their page."""

import secrets
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
import psycopg
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.auth.sessions import check_still_admin
from lapinq_api.credentials.caller import audit_entry, author_of
from lapinq_api.dashboard.page.server_address import sure_server_of
from lapinq_api.dashboard.pages import view_page
from lapinq_api.dashboard.views import people
from lapinq_api.operations.body import read_json, read_no_fields
from lapinq_api.operations.endpoint import Answer, Needs, Operation, Parameter
from lapinq_api.operations.must_exist import QUEUE_MUST_EXIST, check_queues
from lapinq_api.state import State
from lapinq_api.wire.codec import Json
from lapinq_api.wire.errors import Refused
from lapinq_api.wire.query import whole_number
from lapinq_core.domain.accounts.account import Permission, Role
from lapinq_core.domain.accounts.grants import (
    MAX_LIMITED,
    MAX_QUEUES,
    check_grants,
    check_limit,
    write_grants,
)
from lapinq_core.domain.accounts.passwords import (
    MAX_PASSWORD,
    MAX_USERNAME,
    MIN_PASSWORD,
    check_password,
    check_username,
)
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.requests.decoding import decode
from lapinq_core.domain.requests.values import NAME_SCHEMA, TRIMMED, WITHOUT_NUL, Name
from lapinq_core.people import audit, invitations, keys, users
from lapinq_core.people.invitations import Purpose
from lapinq_core.people.users import Changed, User

RoleName = Annotated[str, Meta(extra_json_schema={"enum": list(Role)})]
PermissionName = Annotated[str, Meta(extra_json_schema={"enum": list(Permission)})]
Username = Annotated[
    str,
    Meta(extra_json_schema={"minLength": 1, "maxLength": MAX_USERNAME, "pattern": TRIMMED}, examples=["ada"]),
]
Password = Annotated[
    str,
    Meta(
        extra_json_schema={"minLength": MIN_PASSWORD, "maxLength": MAX_PASSWORD, "pattern": WITHOUT_NUL},
        examples=["correct horse battery staple"],
    ),
]
Queues = Annotated[
    dict[str, list[PermissionName]],
    Meta(
        description="Permissions by queue. They replace the previous ones.",
        extra_json_schema={"maxProperties": MAX_QUEUES, "propertyNames": NAME_SCHEMA},
    ),
]
Reads = Annotated[
    list[Name] | None,
    Meta(
        description=(
            "The queues that they may read besides those of their permissions; null for all, as for an admin."
        ),
        examples=[["mail"]],
        extra_json_schema={"minItems": 1, "maxItems": MAX_LIMITED},
    ),
]

_MAX_ID = 10**18 - 1

USER_ID = Parameter(
    name="id",
    where="path",
    description="The user's id.",
    schema={"type": "integer", "minimum": 1, "maximum": _MAX_ID},
)


class NewUser(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A user to create. A password has 8 to 1024 characters, differs from the username and is not a common one.

    With `invite` there is no password: the answer has a one-time link, with which the user sets one.
    """

    username: Username
    password: Password | None = None
    invite: bool = False
    role: RoleName
    reads: Reads = None


class RoleChange(msgspec.Struct, forbid_unknown_fields=True):
    """The new role."""

    role: RoleName


class PermissionsChange(msgspec.Struct, forbid_unknown_fields=True):
    """A user's permissions by queue. An admin may do everything anyway."""

    queues: Queues


class ReadsChange(msgspec.Struct, forbid_unknown_fields=True):
    """Which queues a user may read."""

    queues: Reads


class UserObject(msgspec.Struct):
    """A user with their permissions by queue, and the queues that they may read besides, null for all."""

    id: int
    username: str
    role: Role
    permissions: dict[str, list[str]]
    reads: list[str] | None


class ListedUser(UserObject):
    """A user, whether they still have the default password, and since when they exist."""

    has_default_password: bool
    created_at: datetime


class CreatedUser(UserObject):
    """The new user, and the one-time link if they have no password yet."""

    link: str | msgspec.UnsetType = msgspec.UNSET
    expires_at: datetime | msgspec.UnsetType = msgspec.UNSET


class LinkObject(msgspec.Struct):
    """A link with which the user sets a password once, and until when. It is never shown again.

    If the server is not sure of its own address, the link is relative to that.
    """

    link: str
    expires_at: datetime


class UserDeleted(msgspec.Struct):
    """The deleted user."""

    id: int
    deleted: bool


async def users_page(state: State, request: Request) -> Response:
    return await view_page(state, request, people.VIEW)


async def list_users(state: State, request: Request) -> Response:
    del request
    return Json([_listed(user) for user in await state.database.scan(users.list_all)])


async def create_user(state: State, request: Request) -> Response:
    asked = decode(_new_user, await _body(state, request))
    check_username("username", asked.username)
    if asked.invite and asked.password is not None:
        raise InvalidValue("invite", "must be left out with a password")
    if not asked.invite:
        check_password("password", _required(asked.password), asked.username)
    role = _role(asked.role)
    reads = check_limit("reads", asked.reads)
    _refuse_limit("reads", reads, role)
    await check_queues(state, request, reads or ())
    # Nobody has the random password.
    password_hash = await state.passwords.hash(
        secrets.token_urlsafe(32) if asked.password is None else asked.password
    )

    async def create(conn: psycopg.AsyncConnection) -> CreatedUser | None:
        async with conn.transaction():
            user = await users.create(conn, asked.username, password_hash, role, reads)
            if user is None:
                return None
            limits = {} if reads is None else {"reads": user.reads}
            await _record(conn, request, "user.create", user, {"role": role, **limits})
            created = CreatedUser(**msgspec.structs.asdict(_shown(user)))
            if asked.invite:
                made = await _make_link(conn, state, request, user.id, Purpose.INVITE)
                assert made is not None
                created.link, created.expires_at = made.link, made.expires_at
            return created

    created = await state.database.run(create)
    if created is None:
        raise Refused(HTTPStatus.CONFLICT, "a user with this name exists already")
    return Json(created, HTTPStatus.CREATED)


def _refuse_limit(field: str, reads: list[str] | None, role: Role) -> None:
    """Raises `InvalidValue` for a limit that would only seem to hold."""
    if reads is not None and role is Role.ADMIN:
        raise InvalidValue(field, "must be null: an admin reads all queues; make them a user to limit them")


def _required(password: str | None) -> str:
    if password is None:
        raise InvalidValue("password", "is required")
    return password


async def create_link(state: State, request: Request) -> Response:
    which = user_id_of(request)
    await read_no_fields(request.scope, request.receive, state.settings.max_payload_size, state.admission)
    await check_still_admin(state, request.scope)

    async def create(conn: psycopg.AsyncConnection) -> LinkObject | None:
        async with conn.transaction():
            return await _make_link(conn, state, request, which, Purpose.RESET)

    made = await state.database.run(create)
    if made is None:
        raise unknown_user()
    return Json(made, HTTPStatus.CREATED)


async def set_role(state: State, request: Request) -> Response:
    which = user_id_of(request)
    role = _role(decode(_role_change, await _body(state, request)).role)

    async def change(conn: psycopg.AsyncConnection) -> tuple[Changed, User | None]:
        async with conn.transaction():
            changed, user = await users.set_role(conn, which, role)
            if user is not None:
                await _record(conn, request, "user.role", user, {"role": role})
            return changed, user

    return Json(_shown(_changed(*await state.database.run(change), "demoted to an ordinary user")))


async def set_permissions(state: State, request: Request) -> Response:
    which = user_id_of(request)
    grants = check_grants("queues", decode(_permissions_change, await _body(state, request)).queues)
    await check_queues(state, request, grants)

    async def change(conn: psycopg.AsyncConnection) -> User | None:
        async with conn.transaction():
            user = await users.set_permissions(conn, which, grants)
            if user is not None:
                await _record(conn, request, "user.permissions", user, {"queues": write_grants(grants)})
            return user

    user = await state.database.run(change)
    if user is None:
        raise unknown_user()
    return Json(_shown(user))


async def set_reads(state: State, request: Request) -> Response:
    which = user_id_of(request)
    reads = check_limit("queues", decode(_reads_change, await _body(state, request)).queues)
    await check_queues(state, request, reads or ())

    async def change(conn: psycopg.AsyncConnection) -> User | None:
        async with conn.transaction():
            user = await users.set_reads(conn, which, reads)
            if user is not None:
                _refuse_limit("queues", reads, user.role)
                await _record(conn, request, "user.reads", user, {"queues": user.reads})
            return user

    user = await state.database.run(change)
    if user is None:
        raise unknown_user()
    return Json(_shown(user))


async def delete_user(state: State, request: Request) -> Response:
    which = user_id_of(request)
    await read_no_fields(request.scope, request.receive, state.settings.max_payload_size, state.admission)
    await check_still_admin(state, request.scope)

    async def delete(conn: psycopg.AsyncConnection) -> tuple[Changed, User | None]:
        async with conn.transaction():
            owned = await keys.names_of(conn, which)
            changed, user = await users.delete(conn, which)
            if user is not None:
                gone = {"keys": owned} if owned else {}
                await _record(conn, request, "user.delete", user, {"role": user.role, **gone})
            return changed, user

    deleted = UserDeleted(_changed(*await state.database.run(delete), "deleted").id, deleted=True)
    # Other servers are notified; here the user's keys stop working before the response.
    state.keys.on_notify(f"user {which}")
    return Json(deleted)


_new_user = msgspec.json.Decoder(NewUser)
_role_change = msgspec.json.Decoder(RoleChange)
_permissions_change = msgspec.json.Decoder(PermissionsChange)
_reads_change = msgspec.json.Decoder(ReadsChange)


async def _body(state: State, request: Request) -> bytes:
    body = await read_json(request.scope, request.receive, state.settings.max_payload_size, state.admission)
    await check_still_admin(state, request.scope)
    return body


async def _make_link(
    conn: psycopg.AsyncConnection, state: State, request: Request, user_id: int, purpose: Purpose
) -> LinkObject | None:
    made = await invitations.create(conn, user_id, purpose, author_of(request).actor)
    if made is None:
        return None
    details = {"id": user_id, "purpose": purpose}
    await audit.record(conn, audit_entry(request, "user.link", made.username, details))
    server, path = sure_server_of(state.settings, request), f"welcome?token={made.token}"
    return LinkObject(path if server is None else f"{server}/{path}", made.expires_at)


async def _record(
    conn: psycopg.AsyncConnection, request: Request, action: str, user: User, details: dict[str, Any]
) -> None:
    await audit.record(conn, audit_entry(request, action, user.username, {"id": user.id, **details}))


def _changed(changed: Changed, user: User | None, what: str) -> User:
    if changed is Changed.LAST_ADMIN:
        raise Refused(
            HTTPStatus.CONFLICT, f"the last admin cannot be {what}: nobody could create another admin"
        )
    if user is None:
        raise unknown_user()
    return user


def unknown_user() -> Refused:
    """The error for an unknown user."""
    return Refused(HTTPStatus.NOT_FOUND, "there is no user with this id")


def _shown(user: User) -> UserObject:
    return UserObject(user.id, user.username, user.role, write_grants(user.permissions), user.reads)


def _listed(user: User) -> ListedUser:
    shown = msgspec.structs.asdict(_shown(user))
    return ListedUser(**shown, has_default_password=user.has_default_password, created_at=user.created_at)


def user_id_of(request: Request) -> int:
    """The id in the path. Raises `InvalidValue`."""
    return whole_number("id", request.path_params["id"], 0, lowest=1, highest=_MAX_ID)


def _role(text: str) -> Role:
    if text not in frozenset(Role):
        raise InvalidValue("role", f"must be {' or '.join(Role)}")
    return Role(text)


UNKNOWN = {404: "There is no user with this id."}
_UNSEEN = {404: "There is no user with this id; or with `must_exist`: nobody has seen one of the queues."}
_LAST_ADMIN = {409: "It is the last admin."}

OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/users",
        handler=list_users,
        needs=Needs.ADMIN,
        tag="users",
        summary="List users",
        answers={
            200: Answer(
                description="The users, by name.",
                body=list[ListedUser],
                links={
                    name: {"id": "$response.body#/0/id"}
                    for name in (
                        "set_role",
                        "set_permissions",
                        "set_reads",
                        "delete_user",
                        "end_user_sessions",
                    )
                },
            )
        },
    ),
    Operation(
        method="GET",
        path="/admin/users",
        handler=users_page,
        needs=Needs.PERMISSION,
        tag="users",
        summary="The page of users",
        description="For admins. A browser without a session is redirected to the login.",
        answers={
            200: Answer(description="The page.", media_type="text/html"),
            303: Answer(description="To the login."),
            403: Answer(description="A page that says it is for admins only.", media_type="text/html"),
        },
    ),
    Operation(
        method="POST",
        path="/admin/users",
        handler=create_user,
        needs=Needs.ADMIN,
        tag="users",
        summary="Make a user",
        description=(
            "Takes a `password`, or `invite`: then the answer has a one-time link, valid for 24 hours, with which the"
            " user sets one."
        ),
        parameters=(QUEUE_MUST_EXIST,),
        body=NewUser,
        answers={
            201: Answer(
                description="The new user, without permissions.",
                body=CreatedUser,
                links={
                    name: {"id": "$response.body#/id"}
                    for name in (
                        "set_role",
                        "set_permissions",
                        "set_reads",
                        "delete_user",
                        "end_user_sessions",
                    )
                },
            )
        },
        errors={
            404: "With `must_exist`: nobody has seen one of the queues.",
            409: "A user with this name exists already, ignoring case.",
        },
    ),
    Operation(
        method="POST",
        path="/admin/users/{id}/link",
        handler=create_link,
        needs=Needs.ADMIN,
        tag="users",
        summary="Make a one-time link to set a password",
        description=(
            "Valid for 24 hours, once, and instead of an earlier one. The current password works until the link is"
            " used, which ends all sessions of the user."
        ),
        parameters=(USER_ID,),
        answers={201: Answer(description="The link. It is never shown again.", body=LinkObject)},
        errors=UNKNOWN,
    ),
    Operation(
        method="POST",
        path="/admin/users/{id}/role",
        handler=set_role,
        needs=Needs.ADMIN,
        tag="users",
        summary="Set a user's role",
        description="Takes effect immediately, in open sessions too.",
        parameters=(USER_ID,),
        body=RoleChange,
        answers={200: Answer(description="The changed user.", body=UserObject)},
        errors={**UNKNOWN, **_LAST_ADMIN},
    ),
    Operation(
        method="POST",
        path="/admin/users/{id}/permissions",
        handler=set_permissions,
        needs=Needs.ADMIN,
        tag="users",
        summary="Set a user's permissions by queue",
        description=(
            "Takes effect immediately, in open sessions too. Permissions that are not listed are revoked."
        ),
        parameters=(USER_ID, QUEUE_MUST_EXIST),
        body=PermissionsChange,
        answers={200: Answer(description="The changed user.", body=UserObject)},
        errors=_UNSEEN,
    ),
    Operation(
        method="POST",
        path="/admin/users/{id}/reads",
        handler=set_reads,
        needs=Needs.ADMIN,
        tag="users",
        summary="Set which queues a user may read",
        description=(
            "Replaces the earlier list; null lets them read all queues. They always read the queues on which they have"
            " a permission. Takes effect immediately, in open sessions too."
        ),
        parameters=(USER_ID, QUEUE_MUST_EXIST),
        body=ReadsChange,
        answers={200: Answer(description="The changed user.", body=UserObject)},
        errors=_UNSEEN,
    ),
    Operation(
        method="DELETE",
        path="/admin/users/{id}",
        handler=delete_user,
        needs=Needs.ADMIN,
        tag="users",
        summary="Delete a user",
        description="Their sessions end immediately. You can delete yourself unless you are the last admin.",
        parameters=(USER_ID,),
        answers={200: Answer(description="They are gone.", body=UserDeleted)},
        errors={**UNKNOWN, **_LAST_ADMIN},
    ),
)
