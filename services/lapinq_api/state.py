"""What all requests of one application share."""

from lapinq_api.admission import Admission
from lapinq_api.database import Database
from lapinq_api.intake import Intake
from lapinq_core.db.errors import DatabaseUnavailable
from lapinq_core.db.notifier import Notifier
from lapinq_core.runtime.settings import Settings


class State:
    """Made with the application; `lifespan` opens what it is connected to, and closes it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.admission = Admission()
        self._connected: tuple[Database, Intake, Notifier] | None = None

    def connect(self, database: Database, intake: Intake, notifier: Notifier) -> None:
        self._connected = (database, intake, notifier)

    def disconnect(self) -> None:
        self._connected = None

    @property
    def database(self) -> Database:
        """Raises `DatabaseUnavailable` outside of the application's lifespan."""
        return self._open()[0]

    @property
    def intake(self) -> Intake:
        """Raises `DatabaseUnavailable` outside of the application's lifespan."""
        return self._open()[1]

    @property
    def notifier(self) -> Notifier:
        """Raises `DatabaseUnavailable` outside of the application's lifespan."""
        return self._open()[2]

    def _open(self) -> tuple[Database, Intake, Notifier]:
        if self._connected is None:
            raise DatabaseUnavailable("the application was not started: its lifespan has to run")
        return self._connected
