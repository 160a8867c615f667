"""What all requests of one application share."""

import asyncio
import secrets

import msgspec

from lapinq_api.batching.changes import Changes
from lapinq_api.batching.intake import Intake
from lapinq_api.batching.waiting import ResultWaits
from lapinq_api.credentials.default_password import DefaultPassword
from lapinq_api.credentials.guesses import KeyGuesses
from lapinq_api.credentials.key_ring import KeyRing
from lapinq_api.credentials.passwords import Passwords
from lapinq_api.credentials.payloads import Payloads
from lapinq_api.credentials.refusals import Refusals
from lapinq_api.metrics.counted import Counted
from lapinq_api.metrics.gauges import Gauges
from lapinq_api.metrics.scrapes import Scrapes
from lapinq_api.overload.database import Database
from lapinq_api.overload.places import Places, PlacesBySource
from lapinq_api.wire.admission import Admission
from lapinq_core.db.errors import DatabaseUnavailable
from lapinq_core.db.listener import Listener
from lapinq_core.db.notifier import Notifier
from lapinq_core.runtime.metrics import Metrics
from lapinq_core.runtime.settings import Settings

MOST_WALKS = 2
"""Deletions and requeues of many tasks, at a time."""
MOST_PREVIEWS = 4
"""Of schedules, at a time: the threads are for others too."""
MOST_VIEWERS = 500
"""Of the live page, at a time."""
MOST_STRANGERS = 200
"""Who have opened a socket and not said yet who they are."""
MOST_STRANGERS_EACH = 10
"""Of them, from one address."""
MOST_LOOKS = 2
"""Viewers whom the database is asked for at a time: the connections are for those who work."""


class Connected(msgspec.Struct, frozen=True, kw_only=True):
    """What there is while the lifespan lasts. `listener` takes subscribers until it runs."""

    database: Database
    intake: Intake
    notifier: Notifier
    listener: Listener
    waiting: ResultWaits
    keys: KeyRing
    gauges: Gauges
    changes: Changes
    accesses: Changes
    default_password: DefaultPassword
    looks: asyncio.Semaphore


class State:
    """Made with the application; `lifespan` opens what it is connected to, and closes it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.admission = Admission()
        self.counted = Counted()
        self.metrics = Metrics()
        self.metrics.show(self.counted)
        self.scrapes = Scrapes(self.metrics)
        self.walks = Places(MOST_WALKS)
        self.previews = Places(MOST_PREVIEWS)
        self.viewers = Places(MOST_VIEWERS)
        self.strangers = PlacesBySource(MOST_STRANGERS, MOST_STRANGERS_EACH)
        self.passwords = Passwords()
        self.guesses = KeyGuesses()
        self.refusals = Refusals()
        self.payloads = Payloads(settings.redact)
        self.session_secret = (settings.session_secret or secrets.token_hex(32)).encode()
        """Keys the hashes of session tokens."""
        self.default_login: str | None = None
        """The users with the default password when the lifespan began."""
        self.stopping = asyncio.Event()
        """Set once the application is to stop: what only waits ends now. The lifespan makes it anew."""
        self._connected: Connected | None = None

    def connect(self, connected: Connected) -> None:
        self._connected = connected

    def disconnect(self) -> None:
        self._connected = None

    @property
    def database(self) -> Database:
        """Raises `DatabaseUnavailable` outside of the application's lifespan."""
        return self._open().database

    @property
    def intake(self) -> Intake:
        """Raises `DatabaseUnavailable` outside of the application's lifespan."""
        return self._open().intake

    @property
    def notifier(self) -> Notifier:
        """Raises `DatabaseUnavailable` outside of the application's lifespan."""
        return self._open().notifier

    @property
    def waiting(self) -> ResultWaits:
        """Raises `DatabaseUnavailable` outside of the application's lifespan."""
        return self._open().waiting

    @property
    def gauges(self) -> Gauges:
        """Raises `DatabaseUnavailable` outside of the application's lifespan."""
        return self._open().gauges

    @property
    def keys(self) -> KeyRing:
        """Raises `DatabaseUnavailable` outside of the application's lifespan."""
        return self._open().keys

    @property
    def changes(self) -> Changes:
        """Raises `DatabaseUnavailable` outside of the application's lifespan."""
        return self._open().changes

    @property
    def accesses(self) -> Changes:
        """Of users, sessions and keys. Raises `DatabaseUnavailable` outside of the application's lifespan."""
        return self._open().accesses

    @property
    def default_password(self) -> DefaultPassword:
        """Raises `DatabaseUnavailable` outside of the application's lifespan."""
        return self._open().default_password

    @property
    def looks(self) -> asyncio.Semaphore:
        """What a viewer of the live page holds while they look. Raises as `changes` does."""
        return self._open().looks

    def _open(self) -> Connected:
        if self._connected is None:
            raise DatabaseUnavailable("the application was not started: its lifespan has to run")
        return self._connected
