"""The only table from exceptions to error responses."""

from collections.abc import Mapping
from http import HTTPStatus

from starlette.exceptions import HTTPException

from lapinq_api.wire.codec import Json
from lapinq_core.batching.database import Overloaded
from lapinq_core.db.errors import DatabaseReadOnly, DatabaseUnavailable, SchemaNotReady, ValueRefused
from lapinq_core.domain.errors import InvalidValue, LapinqError
from lapinq_core.domain.requests.refusals import (
    KEY_IN_PROGRESS,
    NOTHING_HERE,
    UNKNOWN_WORKFLOW,
    ErrorBody,
    invalid_value,
    unique_conflict,
    unstorable,
)
from lapinq_core.durable.signals import NoSuchTask, SignalRefused
from lapinq_core.intake.idempotency import KeyHeld, UniqueKeyBusy
from lapinq_core.intake.unique_keys import UniqueConflict
from lapinq_core.schedules.firing import StillRuns
from lapinq_core.schedules.schedules import OtherVersion, ScheduleExists, UnknownSchedule
from lapinq_core.workflows.storing import UnknownWorkflow, WorkflowConflict

RETRY_AFTER_SECONDS = 1


class Refused(LapinqError):
    """Rejects a request with `status` and the message."""

    def __init__(self, status: int, sentence: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.headers = headers or {}


class Busy(Refused):
    """Too many requests of one kind are running; the message names the kind."""

    def __init__(self, sentence: str, status: int = HTTPStatus.SERVICE_UNAVAILABLE) -> None:
        super().__init__(status, sentence, {"Retry-After": str(RETRY_AFTER_SECONDS)})


class OverShare(Busy):
    """The caller holds their share of something; the message names what."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, HTTPStatus.TOO_MANY_REQUESTS)


class NoTurn(DatabaseUnavailable):
    """The database may be up, but this call got no connection to it."""

    def __init__(self, why: Busy) -> None:
        super().__init__(str(why))
        self.args = (why,)  # so that it can be raised again for another call
        self.why = why


def answer(error: Exception) -> Json | None:
    """The response for `error`; None for an unexpected one."""
    match error:
        case InvalidValue():
            return Json(invalid_value(error), HTTPStatus.BAD_REQUEST)
        case Refused():
            return sentence(error.status, str(error), error.headers)
        case ValueRefused():
            return Json(unstorable(error), HTTPStatus.BAD_REQUEST)
        case DatabaseReadOnly():
            return _later("the database is read-only at the moment")
        case SchemaNotReady():
            return _later(str(error))
        case NoTurn():
            return answer(error.why)
        case DatabaseUnavailable():
            return _later("the database is unavailable or did not answer in time")
        case Overloaded():
            return _later("the server is overloaded")
        case UniqueKeyBusy():
            return _later(str(error))
        case KeyHeld():
            return _later(KEY_IN_PROGRESS)
        case UniqueConflict():
            return Json(unique_conflict(error.task_id, error.loc, error.ref), HTTPStatus.CONFLICT)
        case UnknownWorkflow():
            return sentence(HTTPStatus.NOT_FOUND, UNKNOWN_WORKFLOW)
        case NoSuchTask():
            return sentence(HTTPStatus.NOT_FOUND, str(error))
        case WorkflowConflict() | SignalRefused():
            return sentence(HTTPStatus.CONFLICT, str(error))
        case UnknownSchedule():
            return sentence(HTTPStatus.NOT_FOUND, "there is no schedule of this name")
        case ScheduleExists():
            return sentence(HTTPStatus.CONFLICT, "a schedule with this name exists already")
        case OtherVersion() | StillRuns():
            return sentence(HTTPStatus.CONFLICT, str(error))
        case HTTPException(status_code=HTTPStatus.NOT_FOUND):
            return sentence(HTTPStatus.NOT_FOUND, NOTHING_HERE)
        case HTTPException(status_code=HTTPStatus.METHOD_NOT_ALLOWED):
            allowed = (error.headers or {}).get("Allow", "")
            told = f": it takes {allowed}" if allowed else ""
            return sentence(error.status_code, f"this path does not take this method{told}", error.headers)
        case HTTPException():
            return sentence(error.status_code, str(error.detail), error.headers)
        case _:
            return None


def sentence(status: int, text: str, headers: Mapping[str, str] | None = None) -> Json:
    """An error response that says `text`."""
    return Json(ErrorBody(text), status, headers)


def _later(text: str) -> Json:
    return sentence(HTTPStatus.SERVICE_UNAVAILABLE, text, {"Retry-After": str(RETRY_AFTER_SECONDS)})
