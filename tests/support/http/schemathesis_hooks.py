"""What schemathesis has to know about the API that OpenAPI can't say. `schemathesis.toml` names this module."""

import json
import re
from http import HTTPStatus
from typing import Any

import schemathesis
from schemathesis import Case, HookContext, Response
from schemathesis.core.failures import Failure
from schemathesis.openapi.checks import RejectedPositiveData, UnsupportedMethodResponse, UseAfterFree

WAIT_SECONDS = 0.05

PLACE = r"((tasks)?\[\d+\]\.)?"
"""Of a task in a request for several."""

UNSAID = (
    # JSON Schema takes 3.0 for an integer; we don't.
    r"must be an integer, not a decimal fraction$",
    # Which characters are assigned depends on the version of Unicode: test_values.py looks at each of them.
    r"must have printable characters only$",
    # What an expression is, which zones there are, and what fits together.
    r"^(cron|every|timezone|starts_at|ends_at) ",
    rf"^{PLACE}profile cannot be kept of a fire-and-forget task ",
    rf"^{PLACE}debounce cannot be combined with ",
    # Which limits exist.
    rf"^{PLACE}limits\..* is not a limit that exists",
    # What makes a graph, and what a task of one can't be.
    rf"^{PLACE}(ref is that of|after is part of a cycle|(after|args|kwargs) names|unique.key is that of) ",
    rf"^{PLACE}(ttl_seconds must not be 0|debounce is not possible) in a workflow",
    # Which parameters and fields fit together.
    r"^from_step can't be (of a fire-and-forget task|combined with) ",
    r"^from_occurrence is the occurrence of from_step, which is missing$",
    r"^background must not be true with dry_run=true: ",
    r"^expected must be given with background=true only$",
    r"^weights apply in fair order only, ",
    r"^named_arguments must have .* once$",
    r"^sort must be key, unless only blocked keys are asked for$",
    r"^(reads|queues) must be null: an admin reads all queues; ",
    r"^rate(_per_key)?\.limit is too low: the bucket would take more than 100 years to fill$",
    # That one of several states must be among those that the call can change.
    r"^state must be (one of )?[a-z, ]+: (only (failed|delayed) tasks can|running tasks are cancelled) ",
    # Which fields a channel of notifications takes.
    r"^url is (required for (webhook|slack)|not for mail)$",
    r"^addresses (is for mail only|must name at least one mail address)$",
    # That one of several fields must be there.
    r"^(password is required|invite must be left out with a password)$",
    r"^the body must have a field to change: ",
    r"^(the body|breaker) must have failures_in_row or failure_share$",
    r"^the body must have max_running or rate: ",
    r"^reason is needed where there are no seconds: ",
    # Text in base64 that is in UTF-8, and a name.
    r"^cursor must be the value of an X-Next-Cursor header$",
    # A time by itself is fine; how far it may be away depends on the day.
    rf"^{PLACE}scheduled_at must be within a hundred years from now$",
)
"""Refusals of data that fits the schema, as regular expressions of their sentences."""

_UNSAID = re.compile("|".join(UNSAID))
_WAIT = re.compile(r"[1-9][0-9]?(\.[0-9]+)?")
_PREVIEW = "/api/v1/schedules/preview"
_ACTIONS = {
    "GET": re.compile(r"/api/v1/queues/.*/(pause|resume|skip|close-breaker)|/api/v1/breakers/.*/close"),
    "PATCH": re.compile(r"/api/v1/queues/.*/(pause|resume|skip|close-breaker|keys)"),
    "PUT": re.compile(r"/api/v1/breakers/.*/close"),
}
"""What ends as an action does may be a name, too, where the method has none: GET looks at the queue "mail/pause"."""


@schemathesis.hook  # pyright: ignore[reportUnknownMemberType]
def filter_failure(context: HookContext, failure: Failure, case: Case[Any], response: Response) -> bool:
    """Drops what is none: valid data refused for a reason that can't be said, and names that are paths too."""
    if isinstance(failure, RejectedPositiveData) and response.status_code == 400:
        return not _UNSAID.search(json.loads(response.content)["error"])
    if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED and case.formatted_path == _PREVIEW:
        # No schedule may have this name, but it is a path, which other methods find nothing at.
        return False
    if isinstance(failure, UnsupportedMethodResponse) and case.method in _ACTIONS:
        return not _ACTIONS[case.method].fullmatch(case.formatted_path)
    # DELETE cancels a workflow, which stays.
    return not (isinstance(failure, UseAfterFree) and "/workflows/" in case.formatted_path)


@schemathesis.hook  # pyright: ignore[reportUnknownMemberType]
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """Has nobody wait long for a result: no worker runs, so there will be none."""
    if _WAIT.fullmatch(str(case.query.get("wait"))):
        case.query["wait"] = WAIT_SECONDS
