"""What a check found, and the report of all checks."""

from enum import StrEnum

import msgspec


class Severity(StrEnum):
    """How bad a finding is. Errors and warnings need somebody to act; infos are worth knowing."""

    OK = "ok"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Finding(msgspec.Struct, frozen=True):
    """What is wrong, and the remedy; or with `Severity.OK`, what the check looked at."""

    severity: Severity
    message: str
    remedy: str | None = None


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """One finding of one check. `remedy` is null if all is well."""

    check: str
    status: Severity
    message: str
    remedy: str | None


class Report(msgspec.Struct, frozen=True):
    """`ok`: there are no errors and no warnings. A check may appear more than once."""

    ok: bool
    checks: list[CheckResult]


def ok(message: str) -> list[Finding]:
    return [Finding(Severity.OK, message)]


def info(message: str, remedy: str) -> Finding:
    return Finding(Severity.INFO, message, remedy)


def warning(message: str, remedy: str) -> Finding:
    return Finding(Severity.WARNING, message, remedy)


def error(message: str, remedy: str) -> Finding:
    return Finding(Severity.ERROR, message, remedy)


def report_of(results: list[CheckResult]) -> Report:
    bad = {Severity.WARNING, Severity.ERROR}
    return Report(ok=not any(result.status in bad for result in results), checks=results)
