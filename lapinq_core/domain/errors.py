"""The one root error, and the errors that carry a meaning in the domain."""


class LapinqError(Exception):
    """Something in lapinq went wrong."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip().partition("\n")[0])


class RetryError(LapinqError):
    """The task asks to be run again.

    Raise it inside a task. It uses up one retry like any other failure, but the wait is `countdown`
    seconds, whatever the task's own delay and backoff say.
    """

    def __init__(self, countdown: float = 10, message: str | None = None) -> None:
        super().__init__(message or f"retry in {countdown:g} s")
        self.countdown = countdown

    def __reduce__(self) -> tuple[type["RetryError"], tuple[float, str]]:
        return type(self), (self.countdown, str(self))


class InvalidValue(LapinqError):
    """A value is not acceptable.

    `loc` names the field as the caller wrote it ("args", "[3].priority"); `msg` says what is wrong with it.
    """

    def __init__(self, loc: str, msg: str) -> None:
        super().__init__(f"{loc}: {msg}" if loc else msg)
        self.loc = loc
        self.msg = msg

    def __reduce__(self) -> tuple[type["InvalidValue"], tuple[str, str]]:
        return type(self), (self.loc, self.msg)
