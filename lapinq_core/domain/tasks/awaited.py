"""The running task as type checkers see it in a coroutine: what waits there is awaited. It is the same object."""

# pyright: reportIncompatibleMethodOverride=false

from typing import TYPE_CHECKING, Any, TypeVar, overload

from lapinq_core.domain.tasks.context import LINK_SECONDS, CurrentTask, InTransaction, Readable, Signal

R = TypeVar("R")

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from datetime import datetime
    from uuid import UUID

    class AwaitedInTransaction(InTransaction):
        """What `AsyncCurrentTask.using` gives."""

        @overload
        def step(
            self,
            name: str,
            function: Callable[..., Coroutine[Any, Any, R]],
            /,
            *args: Any,
            key: str | None = None,
            **kwargs: Any,
        ) -> Coroutine[Any, Any, R]: ...
        @overload
        def step(
            self, name: str, function: Callable[..., R], /, *args: Any, key: str | None = None, **kwargs: Any
        ) -> Coroutine[Any, Any, R]: ...
        def step(self, name: str, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any: ...

    class AsyncCurrentTask(CurrentTask):
        """What `lapinq.aio.current_task` gives."""

        @overload
        def step(
            self,
            name: str,
            function: Callable[..., Coroutine[Any, Any, R]],
            /,
            *args: Any,
            key: str | None = None,
            **kwargs: Any,
        ) -> Coroutine[Any, Any, R]: ...
        @overload
        def step(
            self, name: str, function: Callable[..., R], /, *args: Any, key: str | None = None, **kwargs: Any
        ) -> Coroutine[Any, Any, R]: ...
        def step(self, name: str, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any: ...

        def using(self, connection: object) -> AwaitedInTransaction: ...

        async def sleep(self, seconds: float) -> None: ...

        async def sleep_until(self, when: datetime) -> None: ...

        async def wait_for_signal(self, name: str, *, timeout: float | None = None) -> Any: ...

        async def wait_for_any(self, *names: str, timeout: float | None = None) -> Signal: ...

        async def signal_url(
            self,
            name: str,
            *,
            title: str | None = None,
            text: str | None = None,
            expires: float = LINK_SECONDS,
            schema: Mapping[str, Any] | None = None,
        ) -> str: ...

        @overload
        async def wait_for_task(self, task: Readable[R], *, timeout: float | None = None) -> R: ...
        @overload
        async def wait_for_task(self, task: str | UUID, *, timeout: float | None = None) -> Any: ...
        async def wait_for_task(self, task: Any, *, timeout: float | None = None) -> Any: ...

else:
    AsyncCurrentTask = CurrentTask
