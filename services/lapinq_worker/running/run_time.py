"""The measured run time of a function, which tells whether it is quick enough for a chunk."""

_WEIGHT = 0.2


class RunTime:
    """`seconds` is the mean, infinite before the first measurement."""

    __slots__ = ("seconds",)

    def __init__(self) -> None:
        self.seconds = float("inf")

    def measured(self, seconds: float) -> None:
        """A run took this long. A slow run counts at once, quick ones lower the mean slowly."""
        if self.seconds < seconds or self.seconds == float("inf"):
            self.seconds = seconds
        else:
            self.seconds += _WEIGHT * (seconds - self.seconds)
