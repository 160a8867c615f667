"""How long a function takes, as measured, to tell which are quick enough to be handed over several at once."""

_WEIGHT = 0.2


class RunTime:
    """`seconds` is the mean, infinite before the first measurement."""

    __slots__ = ("seconds",)

    def __init__(self) -> None:
        self.seconds = float("inf")

    def measured(self, seconds: float) -> None:
        """A run took this long. A slow one counts at once, quick ones bring the mean down slowly."""
        if self.seconds < seconds or self.seconds == float("inf"):
            self.seconds = seconds
        else:
            self.seconds += _WEIGHT * (seconds - self.seconds)
