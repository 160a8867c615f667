"""Steps and waits of one attempt: what `current_task()` does for a durable task, whichever process and pool it runs in.

Each is written once, as a coroutine. Plain code runs it to its end at once, as nothing in it waits there: the worker is
asked by a call that blocks.
"""

import asyncio
import contextvars
import inspect
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar, cast

import msgspec

from lapinq_core.domain.annotations.json_values import as_json_value
from lapinq_core.domain.annotations.typed_function import typed_result
from lapinq_core.domain.errors import InvalidValue, LeaseLost, OtherVersion, StepRefused, Suspend, WaitTimeout
from lapinq_core.domain.tasks.durable.messages import (
    Answer,
    Enqueued,
    Fetch,
    Kind,
    Link,
    Linked,
    Load,
    Loaded,
    Lost,
    Request,
    Row,
    Spawn,
    Store,
    Text,
    Wait,
    WaitKind,
)
from lapinq_core.domain.tasks.outcome import Completed, Outcome, Suspended

MAX_STEPS = 10_000
"""Steps and waits of one task."""
MAX_NAME = 200

T = TypeVar("T")
Ref = TypeVar("Ref", covariant=True)

in_step: contextvars.ContextVar[str] = contextvars.ContextVar("lapinq_in_step", default="")
"""The step that this code runs in."""

_encoder = msgspec.json.Encoder(enc_hook=as_json_value)


class Asking(Protocol):
    """A running attempt whose function may have steps."""

    def write_log(self, line: str) -> None:
        """Takes a line for the log of the attempt."""
        ...

    @property
    def is_coroutine(self) -> bool:
        """Whether its function is a coroutine, so that its calls are awaited."""
        ...

    @property
    def version(self) -> str | None:
        """That of its function."""
        ...

    @property
    def max_payload_size(self) -> int:
        """Of a stored result, in bytes."""
        ...

    def ask(self, request: Request) -> Answer:
        """Returns when it is answered. Raises `LeaseLost` if the attempt ends meanwhile."""
        ...

    async def aask(self, request: Request) -> Answer:
        """The same, in a coroutine."""
        ...


class Spawning(Protocol[Ref]):
    """The call of another task, of the client's, to be enqueued by a step with the name `name`."""

    @property
    def name(self) -> str: ...

    def send(self, enqueue: Callable[[str], Enqueued]) -> Ref:
        """Gives the request, JSON text, to `enqueue`. Through the middleware of the task's queue."""
        ...

    async def asend(self, enqueue: Callable[[str], Awaitable[Enqueued]]) -> Ref:
        """The same, in a coroutine."""
        ...

    def read(self, answer: Enqueued, *, is_async: bool) -> Ref:
        """What an earlier attempt enqueued."""
        ...


class Storing(Protocol):
    """A transaction of the user's, in which a step is stored."""

    is_async: bool

    def store(self, asked: Store) -> bool:
        """False if the claim is lost."""
        ...

    async def astore(self, asked: Store) -> bool:
        """The same, of a connection that `is_async`."""
        ...


class Place:
    """A step's or a wait's identity: its name, and how many with that name this attempt called before."""

    __slots__ = ("kind", "name", "occurrence")

    def __init__(self, name: str, occurrence: int, kind: Kind) -> None:
        self.name = name
        self.occurrence = occurrence
        self.kind: Kind = kind

    def __str__(self) -> str:
        return f"{self.name!r}" if not self.occurrence else f"{self.name!r} (occurrence {self.occurrence})"


class Calls:
    """Of one attempt. It reads what earlier attempts stored at the first call."""

    def __init__(self, attempt: Asking) -> None:
        self._attempt = attempt
        self._turn = threading.RLock()  # plain code may call from several threads
        self._known: dict[tuple[str, int], Row] | None = None
        self._loading: asyncio.Task[Answer] | None = None
        self._counts: Counter[str] = Counter()
        self._links: Counter[tuple[str, str]] = Counter()
        self._new = 0
        self._in_flight: dict[str, object] = {}  # by name, who called it last
        self._running = 0
        self._idle = asyncio.Event()
        self._waits: list[str] = []  # in words, those that have begun in this attempt and are not over
        self._over: BaseException | None = None  # what a branch gets that would begin a step in spite of it
        self._unawaited: dict[Place, None] = {}  # called and not begun, which only a coroutine can be

    def checked(self, outcome: Outcome) -> Outcome:
        """How the function ended. If it caught its suspension and returned, it waits all the same."""
        if isinstance(outcome, Completed) and isinstance(self._over, Suspend):
            return Suspended(str(self._over))
        return outcome

    def end(self) -> None:
        """The attempt has ended. What its function has left behind, as `asyncio.gather` does, begins no other step:
        another attempt may run by then."""
        self._over = self._over or LeaseLost()
        if self._unawaited:
            names = ", ".join(map(str, self._unawaited))
            self._attempt.write_log(
                f"WARNING called and not awaited, so nothing of it ran: {names}. Write await."
            )

    @property
    def is_coroutine(self) -> bool:
        """Whether they are awaited."""
        return self._attempt.is_coroutine

    # What is called: the place is fixed at once, the rest is run to its end or awaited.

    def step(
        self,
        name: str,
        function: Callable[..., Any],
        args: Any,
        kwargs: Any,
        key: str | None = None,
        into: Storing | None = None,
    ) -> Any:
        """Stores the result by itself, or in the transaction `into`."""
        if into is not None and into.is_async and not self._attempt.is_coroutine:
            raise TypeError("using(): this connection is for coroutines, and the task is a plain function")
        place = self._place(name, "step", key)
        return self._run(self._step(place, function, args, kwargs, into))

    def sleep(self, seconds: float) -> Any:
        return self._run(
            self._wait(self._place("sleep", "sleep"), "sleep", seconds, f"sleeps for {seconds:g} s")
        )

    def wait_for_signal(self, names: list[str], seconds: float | None) -> Any:
        """Gives the row: the name of the signal and its value."""
        words = "waits for the signal " + " or ".join(names)
        place = self._place("|".join(names), "signal")
        return self._run(self._wait(place, "signal", seconds, words, names=names))

    def wait_for_task(self, task_id: str, seconds: float | None) -> Any:
        """Gives the row: how it ended, and its result or error."""
        place = self._place(f"task {task_id}", "task")
        return self._run(self._wait(place, "task", seconds, "waits for another task", child=task_id))

    def spawn(self, spawning: Spawning[Any]) -> Any:
        """Gives what `spawning` makes of the answer."""
        return self._run(self._spawn(self._place(spawning.name, "spawn"), spawning))

    def link(self, name: str, seconds: float, title: str | None, text: str | None, schema: str | None) -> Any:
        """The address of a new link. It is no step: each call asks for another, to the same decision."""
        step = in_step.get()
        with self._turn:
            occurrence = self._links[step, name]
            self._links[step, name] += 1
        request = Link(name, step, occurrence, seconds, title, text, schema)
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return _url(self._attempt.ask(request))
        return self._link(request)

    async def _link(self, request: Link) -> str:
        attempt = self._attempt
        if attempt.is_coroutine:
            return _url(await attempt.aask(request))
        return _url(await asyncio.to_thread(attempt.ask, request))

    def then(self, result: Any, work: Callable[[Any], T]) -> Any:
        """`work` on what one of the calls above gives."""
        if not self._attempt.is_coroutine:
            return work(result)

        async def awaited() -> T:
            return work(await result)

        return awaited()

    # The rest of each

    async def _step(
        self, place: Place, function: Callable[..., Any], args: Any, kwargs: Any, into: Storing | None
    ) -> Any:
        read = typed_result(function, place.name) or msgspec.json.decode
        with self._busy(place):
            if (known := await self._find(place)) is not None:
                return read((await self._text(known)).encode())
            if self._over is not None:
                raise self._over
            with self._given_back(place):
                started = time.perf_counter()
                value = await self._call(place, function, args, kwargs)
                text = _encode(place, value, self._attempt.max_payload_size)
                seconds = time.perf_counter() - started
                asked = Store(place.name, place.occurrence, "step", text, seconds, self._attempt.version)
                if into is not None and not (
                    await into.astore(asked) if into.is_async else into.store(asked)
                ):
                    raise LeaseLost
            if into is None:
                await self._ask(asked)
        return read(text.encode())

    async def _spawn(self, place: Place, spawning: Spawning[Any]) -> Any:
        is_async = self._attempt.is_coroutine

        async def aenqueue(request: str) -> Enqueued:
            if (size := len(request.encode())) > (most := self._attempt.max_payload_size):
                raise StepRefused(
                    f"step {place}: its request has {size:,} bytes, more than {most:,} (LAPINQ_MAX_PAYLOAD_SIZE)"
                )
            answer = await self._ask(Spawn(place.name, place.occurrence, request, self._attempt.version))
            assert isinstance(answer, Enqueued)
            return answer

        with self._busy(place):
            if (known := await self._find(place)) is not None:
                return spawning.read(Enqueued(201, f'{{"task_id":{known.result}}}'), is_async=is_async)
            if self._over is not None:
                raise self._over
            if is_async:
                return await spawning.asend(aenqueue)
            return spawning.send(lambda request: self._run(aenqueue(request)))

    async def _wait(
        self,
        place: Place,
        kind: WaitKind,
        seconds: float | None,
        words: str,
        *,
        names: list[str] | None = None,
        child: str | None = None,
    ) -> Row:
        with self._busy(place):
            row = await self._find(place)
            if row is None or row.outcome is None:
                version = self._attempt.version
                asked = Wait(place.name, place.occurrence, kind, seconds, names or [], child, version)
                answer = await self._ask(asked)
                assert isinstance(answer, Row)
                self._check_kind(place, answer)
                row = answer
        if row.outcome is None:
            self._waits.append(words)
            await self._suspend()
        if row.outcome == "timed_out":
            raise WaitTimeout(f"it {words}, which did not come within {seconds or 0:g} s")
        return row

    async def _suspend(self) -> None:
        """Ends the attempt, once the steps that run beside have ended, and the waits that begin beside are stored."""
        if self._attempt.is_coroutine:
            await asyncio.sleep(0)
            while self._running:
                self._idle.clear()
                await self._idle.wait()
        self._over = Suspend("; ".join(self._waits))
        raise self._over

    @contextmanager
    def _busy(self, place: Place) -> Generator[None]:
        self._unawaited.pop(place, None)
        self._running += 1
        try:
            yield
        finally:
            if self._counts[place.name] == place.occurrence + 1:
                self._in_flight.pop(place.name, None)
            self._running -= 1
            if not self._running and self._attempt.is_coroutine:
                self._idle.set()

    @contextmanager
    def _given_back(self, place: Place) -> Generator[None]:
        """If it raises, nothing is stored. Where the function calls the step again, that is the same one: in another
        attempt the first call finds what the second has stored."""
        try:
            yield
        except BaseException:
            with self._turn:
                if self._counts[place.name] == place.occurrence + 1:
                    self._counts[place.name] = place.occurrence
                    self._in_flight.pop(place.name, None)
            raise

    async def _find(self, place: Place) -> Row | None:
        known = await self._load()
        row = known.get((place.name, place.occurrence))
        if row is not None:
            self._check_kind(place, row)
            return row
        self._new += 1
        if len(known) + self._new > MAX_STEPS:
            raise StepRefused(f"step {place}: a task may have {MAX_STEPS:,} steps and waits")
        return None

    async def _load(self) -> dict[tuple[str, int], Row]:
        if self._known is None:
            if not self._attempt.is_coroutine:
                with self._turn:
                    if self._known is None:
                        self._take_in(self._attempt.ask(Load()))
            else:
                if self._loading is None:
                    self._loading = asyncio.ensure_future(self._attempt.aask(Load()))
                answer = await asyncio.shield(self._loading)
                if self._known is None:
                    self._take_in(answer)
        assert self._known is not None
        return self._known

    def _take_in(self, answer: Answer) -> None:
        if not isinstance(answer, Loaded):
            raise LeaseLost
        if answer.rows and answer.version != self._attempt.version:
            raise OtherVersion(answer.version, self._attempt.version)
        self._known = {(row.name, row.occurrence): row for row in answer.rows}

    async def _text(self, row: Row) -> str:
        if row.result is None and row.size:
            answer = await self._ask(Fetch(row.name, row.occurrence))
            assert isinstance(answer, Text)
            return answer.result
        return row.result or "null"

    async def _ask(self, request: Request) -> Answer:
        attempt = self._attempt
        answer = await attempt.aask(request) if attempt.is_coroutine else attempt.ask(request)
        if isinstance(answer, Lost):
            raise LeaseLost
        return answer

    async def _call(self, place: Place, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Calls the function of a step. In a coroutine a plain one runs in a thread, in plain code a coroutine to its
        end."""
        token = in_step.set(str(place))
        try:
            if self._attempt.is_coroutine:
                if inspect.iscoroutinefunction(function):
                    return await function(*args, **kwargs)
                value = await asyncio.to_thread(function, *args, **kwargs)
                return await value if inspect.isawaitable(value) else value
            value = function(*args, **kwargs)
            return (
                asyncio.run(cast("Coroutine[Any, Any, Any]", value)) if inspect.iscoroutine(value) else value
            )
        finally:
            in_step.reset(token)

    def _place(self, name: str, kind: Kind, key: str | None = None) -> Place:
        """Fixes the identity, when the step or wait is called."""
        if in_step.get() and kind != "step":
            raise InvalidValue(name, "is called in a step: a step can't wait, call it in the task's function")
        if key is not None:
            name = f"{name}[{key}]"
        check_name("name", name)
        caller = self._caller() if kind == "spawn" else None
        with self._turn:
            if name in self._in_flight and (caller is None or self._in_flight[name] is not caller):
                remedy = "a key=" if kind != "spawn" else "a name: task.options(ref=...)"
                raise InvalidValue(
                    "name",
                    f"{name!r} is already in flight: give each of these steps {remedy}, so that it finds its result",
                )
            self._in_flight[name] = caller
            occurrence = self._counts[name]
            self._counts[name] += 1
        place = Place(name, occurrence, kind)
        if self._attempt.is_coroutine:
            self._unawaited[place] = None
        return place

    def _caller(self) -> object:
        """Who calls one after the other, and so in the same order in each attempt."""
        return asyncio.current_task() if self._attempt.is_coroutine else threading.current_thread()

    def _check_kind(self, place: Place, row: Row) -> None:
        if row.kind != place.kind:
            raise StepRefused(
                f"step {place}: a {row.kind} is stored under this name, so it can't be a {place.kind}"
            )

    def _run(self, steps: Coroutine[Any, Any, T]) -> Any:
        if self._attempt.is_coroutine:
            return steps
        try:
            steps.send(None)
        except StopIteration as end:
            return end.value
        raise AssertionError("it waits")


def _url(answer: Answer) -> str:
    if not isinstance(answer, Linked):
        raise LeaseLost
    return answer.url


def check_name(field: str, name: object) -> None:
    """Of a step or a signal. Raises `InvalidValue`."""
    if not isinstance(name, str) or not name.strip():
        raise InvalidValue(field, "must be a string that is not empty")
    if len(name) > MAX_NAME:
        raise InvalidValue(field, f"must have at most {MAX_NAME} characters")
    if not name.isprintable():
        raise InvalidValue(field, "must have printable characters only")


def _encode(place: Place, value: object, most: int) -> str:
    try:
        text = _encoder.encode(value)
    except Exception as error:
        raise StepRefused(f"step {place}: its result can't be stored as JSON: {error}") from error
    if len(text) > most:
        raise StepRefused(
            f"step {place}: its result has {len(text):,} bytes, more than {most:,} (LAPINQ_MAX_PAYLOAD_SIZE)"
        )
    return text.decode()
