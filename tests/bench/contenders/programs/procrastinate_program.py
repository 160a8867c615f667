"""procrastinate, on uvloop: `migrate`, `work CONCURRENCY`, or a producer. The database is in the PG… variables."""
# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false, reportUntypedFunctionDecorator=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import uvloop
from procrastinate import App, PsycopgConnector

from tests.bench.contenders import marks
from tests.bench.contenders.programs.program import Puts, run


def make_app(connections: int) -> App:
    """With as many connections to the database."""
    app = App(connector=PsycopgConnector(min_size=connections, max_size=connections))

    @app.task(name="nothing")
    async def nothing() -> None:  # pyright: ignore[reportUnusedFunction]
        marks.ran()

    @app.task(name="arrive")
    async def arrive(sent: int) -> None:  # pyright: ignore[reportUnusedFunction]
        marks.arrived(sent)

    return app


@asynccontextmanager
async def producers(connections: int) -> AsyncGenerator[Puts]:
    async with make_app(connections).open_async() as app:
        nothing, arrive = app.configure_task("nothing"), app.configure_task("arrive")
        yield Puts(
            lambda count: nothing.batch_defer_async(*({} for _ in range(count))),
            nothing.defer_async,
            lambda sent_ns: arrive.defer_async(sent=sent_ns),
        )


async def migrate() -> None:
    async with make_app(1).open_async() as app:
        await app.schema_manager.apply_schema_async()


async def work(concurrency: int) -> None:
    async with make_app(concurrency + 1).open_async() as app:
        await app.run_worker_async(concurrency=concurrency)


if __name__ == "__main__":
    run(producers, {"migrate": migrate, "work": work}, uvloop.run)
