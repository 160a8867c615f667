"""What a test holds its tasks up with: those that wait for a file."""

from pathlib import Path

from tests.support.eventually import eventually_async


class Gate:
    """What `tasks.wait_at` and `tasks.await_at` wait for, given its `path`."""

    def __init__(self, path: Path) -> None:
        self._file = path
        self.path = str(path)

    def open(self) -> None:
        """Lets them through."""
        self._file.touch()

    async def begun(self, count: int = 1) -> None:
        """Returns once `count` of them wait."""

        async def look() -> bool:
            return len(list(self._file.parent.glob(f"{self._file.name}.begun.*"))) >= count

        await eventually_async(look, interval=0.01)
