"""How many quick jobs to hand over at once."""

MAX_CHUNK = 32
TARGET_SECONDS = 0.002
_WEIGHT = 0.2


class ChunkSize:
    """Follows the measured run time: as many jobs as run in two milliseconds, one where they take longer."""

    def __init__(self) -> None:
        self._mean: float | None = None

    def measured(self, seconds: float) -> None:
        """A job took this long. A slow one counts at once, quick ones bring the chunk back slowly."""
        if self._mean is None or seconds > self._mean:
            self._mean = seconds
        else:
            self._mean += _WEIGHT * (seconds - self._mean)

    @property
    def value(self) -> int:
        """Jobs to hand over at once."""
        if self._mean is None:
            return 1
        return max(1, min(MAX_CHUNK, int(TARGET_SECONDS / max(self._mean, 1e-6))))
