"""Rules for notifications: list, create, change, delete, and send a test. For admins."""

import re
from datetime import datetime
from http import HTTPStatus
from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.auth.sessions import check_still_admin
from lapinq_api.credentials.caller import author_of
from lapinq_api.operations.body import read_json, read_no_fields
from lapinq_api.operations.endpoint import Answer, Needs, Operation, Parameter
from lapinq_api.state import State
from lapinq_api.wire.codec import Json
from lapinq_api.wire.errors import Refused
from lapinq_core.alerts import rules
from lapinq_core.alerts.rules import MAX_RULES, RuleRefused, StoredRule
from lapinq_core.domain.alerts.news import EventKind
from lapinq_core.domain.alerts.rule import (
    BACKLOG_SECONDS,
    MAX_ADDRESS,
    MAX_ADDRESSES,
    MAX_BACKLOG_SECONDS,
    MAX_QUEUES,
    MIN_BACKLOG_SECONDS,
    Channel,
    Rule,
    check_rule,
    shown_url,
)
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.requests.decoding import decode
from lapinq_core.domain.requests.values import Name, WebhookUrl, doc

ChannelName = Annotated[str, msgspec.Meta(extra_json_schema={"enum": list(Channel)})]
EventName = Annotated[str, msgspec.Meta(extra_json_schema={"enum": list(EventKind)})]
Events = Annotated[list[EventName], msgspec.Meta(extra_json_schema={"minItems": 1})]
Address = Annotated[str, msgspec.Meta(extra_json_schema={"format": "email", "maxLength": MAX_ADDRESS})]
Addresses = Annotated[
    list[Address], msgspec.Meta(extra_json_schema={"minItems": 1, "maxItems": MAX_ADDRESSES})
]
Queues = Annotated[list[Name], msgspec.Meta(extra_json_schema={"minItems": 1, "maxItems": MAX_QUEUES})]
Backlog = Annotated[
    float,
    msgspec.Meta(extra_json_schema={"minimum": MIN_BACKLOG_SECONDS, "maximum": MAX_BACKLOG_SECONDS}),
]
_TRIES = 3

RULE_ID = Parameter(
    name="id",
    where="path",
    description="The rule's id.",
    schema={"type": "integer", "minimum": 0, "maximum": 10**18 - 1},
)


class RuleRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A rule to create."""

    name: Annotated[Name, doc("Its name, unique among rules.", example="On call")]
    kind: Annotated[ChannelName, doc("How its messages are sent.", example="slack")]
    events: Annotated[Events, doc("Events that it sends.", example=["error.new", "error.regressed"])]
    url: Annotated[WebhookUrl | None, doc("URL to which messages are posted, for `webhook` and `slack`.")] = (
        None
    )
    addresses: Annotated[Addresses | None, doc("Mail addresses, for `mail`.")] = None
    queues: Annotated[Queues | None, doc("Only events of these queues. Default: all queues.")] = None
    backlog_seconds: Annotated[
        Backlog,
        doc(
            "How long the oldest ready task of a queue may wait, or a failed task hold a key.",
            default=BACKLOG_SECONDS,
        ),
    ] = BACKLOG_SECONDS
    is_enabled: Annotated[bool, doc("Whether it sends messages.", default=True)] = True


class RuleChange(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What to change of a rule. An omitted field stays as it is."""

    name: Name | UnsetType = UNSET
    kind: ChannelName | UnsetType = UNSET
    events: Events | UnsetType = UNSET
    url: WebhookUrl | UnsetType | None = UNSET
    addresses: Addresses | UnsetType | None = UNSET
    queues: Annotated[Queues | UnsetType | None, doc("Null for all queues.")] = UNSET
    backlog_seconds: Backlog | UnsetType = UNSET
    is_enabled: bool | UnsetType = UNSET


class RuleObject(msgspec.Struct, kw_only=True):
    """A rule. Times are in UTC."""

    id: int
    name: str
    kind: Channel
    url: Annotated[str | None, doc("Without its path, which may be a secret.")]
    addresses: list[str] | None
    events: list[EventKind]
    queues: list[str] | None
    backlog_seconds: float
    is_enabled: bool
    created_at: datetime
    created_by: str
    updated_at: datetime
    pending: Annotated[int, doc("Notices that wait for the next message, counted up to 1000.")]
    tried_at: Annotated[datetime | None, doc("When the latest message was tried.")]
    failure: Annotated[str | None, doc("Why it was not accepted.")]


class RuleDeleted(msgspec.Struct):
    """The id of the deleted rule."""

    id: int
    deleted: bool = True


class TrialStored(msgspec.Struct):
    """The id of the rule, whose next message is sent within seconds."""

    id: int
    sent: bool = True


def rule_object(stored: StoredRule) -> RuleObject:
    """`stored` as the API shows it."""
    values = {name: getattr(stored, name) for name in RuleObject.__struct_fields__}
    values["url"] = None if stored.url is None else shown_url(stored.url)
    return msgspec.convert(values, RuleObject)


async def list_rules(state: State, request: Request) -> Response:
    return Json([rule_object(stored) for stored in await state.database.run(rules.list_rules)])


async def get_rule(state: State, request: Request) -> Response:
    stored = await state.database.run(rules.get_rule, _rule_id(request))
    if stored is None:
        raise _unknown()
    return Json(rule_object(stored))


async def create_rule(state: State, request: Request) -> Response:
    body = await read_json(request.scope, request.receive, state.settings.max_payload_size, state.admission)
    await check_still_admin(state, request.scope)
    rule = check_rule(Rule(**msgspec.structs.asdict(decode(_request, body))))
    try:
        stored = await state.database.run(rules.create_rule, rule, by=author_of(request))
    except RuleRefused as error:
        raise Refused(HTTPStatus.CONFLICT, str(error)) from error
    return Json(rule_object(stored), HTTPStatus.CREATED)


async def change_rule(state: State, request: Request) -> Response:
    rule_id = _rule_id(request)
    body = await read_json(request.scope, request.receive, state.settings.max_payload_size, state.admission)
    await check_still_admin(state, request.scope)
    asked = decode(_change, body)
    changes = {name: value for name, value in msgspec.structs.asdict(asked).items() if value is not UNSET}
    if "kind" in changes:
        # What the other kinds need goes with them.
        changes.setdefault(*(("url", None) if changes["kind"] == Channel.MAIL else ("addresses", None)))
    for _ in range(_TRIES):
        before = await state.database.run(rules.get_rule, rule_id)
        if before is None:
            raise _unknown()
        rule = check_rule(msgspec.structs.replace(before.rule, **changes))
        try:
            stored = await state.database.run(
                rules.change_rule, rule_id, rule, version=before.version, by=author_of(request)
            )
        except RuleRefused as error:
            raise Refused(HTTPStatus.CONFLICT, str(error)) from error
        if stored is not None:
            return Json(rule_object(stored))
    raise Refused(HTTPStatus.CONFLICT, "others change this rule at the moment")


async def delete_rule(state: State, request: Request) -> Response:
    rule_id = _rule_id(request)
    await read_no_fields(request.scope, request.receive, state.settings.max_payload_size, state.admission)
    await check_still_admin(state, request.scope)
    if not await state.database.run(rules.delete_rule, rule_id, by=author_of(request)):
        raise _unknown()
    return Json(RuleDeleted(rule_id))


async def test_rule(state: State, request: Request) -> Response:
    rule_id = _rule_id(request)
    await read_no_fields(request.scope, request.receive, state.settings.max_payload_size, state.admission)
    await check_still_admin(state, request.scope)
    if not await state.database.run(rules.send_trial, rule_id, by=author_of(request)):
        raise _unknown()
    return Json(TrialStored(rule_id), HTTPStatus.ACCEPTED)


_request = msgspec.json.Decoder(RuleRequest)
_change = msgspec.json.Decoder(RuleChange)


def _rule_id(request: Request) -> int:
    given: str = request.path_params["id"]
    if not _ID.fullmatch(given):
        raise InvalidValue("id", "must be a rule's id, a whole number")
    return int(given)


def _unknown() -> Refused:
    return Refused(HTTPStatus.NOT_FOUND, "there is no rule with this id")


_ID = re.compile(r"[0-9]{1,18}")
_UNKNOWN = {404: "There is no rule with this id."}
_LINKS = {
    name: {"id": "$response.body#/id"} for name in ("get_rule", "change_rule", "test_rule", "delete_rule")
}

OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/notify/rules",
        handler=list_rules,
        needs=Needs.ADMIN,
        tag="notifications",
        summary="List the rules for notifications",
        answers={200: Answer(description="The rules, by name.", body=list[RuleObject])},
    ),
    Operation(
        method="POST",
        path="/api/v1/notify/rules",
        handler=create_rule,
        needs=Needs.ADMIN,
        tag="notifications",
        summary="Create a rule",
        body=RuleRequest,
        answers={201: Answer(description="The rule is created.", body=RuleObject, links=_LINKS)},
        errors={409: f"A rule with this name exists already, or there are {MAX_RULES} rules."},
    ),
    Operation(
        method="GET",
        path="/api/v1/notify/rules/{id}",
        handler=get_rule,
        needs=Needs.ADMIN,
        tag="notifications",
        summary="One rule",
        parameters=(RULE_ID,),
        answers={200: Answer(description="The rule.", body=RuleObject)},
        errors=_UNKNOWN,
    ),
    Operation(
        method="PATCH",
        path="/api/v1/notify/rules/{id}",
        handler=change_rule,
        needs=Needs.ADMIN,
        tag="notifications",
        summary="Change a rule",
        description="Unsent notices are dropped if the change disables the rule or changes where it sends.",
        parameters=(RULE_ID,),
        body=RuleChange,
        answers={200: Answer(description="The rule.", body=RuleObject)},
        errors={**_UNKNOWN, 409: "A rule with this name exists already, or others change this rule."},
    ),
    Operation(
        method="DELETE",
        path="/api/v1/notify/rules/{id}",
        handler=delete_rule,
        needs=Needs.ADMIN,
        tag="notifications",
        summary="Delete a rule",
        parameters=(RULE_ID,),
        answers={200: Answer(description="The rule is deleted, with its unsent notices.", body=RuleDeleted)},
        errors=_UNKNOWN,
    ),
    Operation(
        method="POST",
        path="/api/v1/notify/rules/{id}/test",
        handler=test_rule,
        needs=Needs.ADMIN,
        tag="notifications",
        summary="Send a test",
        description="Stores a test message, which is sent like any other, even if the rule is disabled.",
        parameters=(RULE_ID,),
        answers={202: Answer(description="The message is stored.", body=TrialStored)},
        errors=_UNKNOWN,
    ),
)
