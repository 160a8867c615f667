"""The producers and the worker of procrastinate, on psycopg and uvloop, in its own environment.

`migrate`, `work CONCURRENCY`, or VERB FUNCTION NUMBER…; the database is in the PG… variables.
"""
# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false, reportUntypedFunctionDecorator=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false

import uvloop
from procrastinate import App, PsycopgConnector

from tests.bench.contenders import marks, pacing
from tests.bench.contenders.command_line import told


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


async def migrate() -> None:
    async with make_app(1).open_async() as app:
        await app.schema_manager.apply_schema_async()


async def work(concurrency: float) -> None:
    async with make_app(int(concurrency) + 1).open_async() as app:
        await app.run_worker_async(concurrency=int(concurrency))


async def bulk(function: str, tasks: float, size: float) -> None:
    async with make_app(1).open_async() as app:
        task = app.configure_task(function)
        await pacing.in_batches(
            int(tasks), int(size), lambda count: task.batch_defer_async(*({} for _ in range(count)))
        )


async def single(function: str, seconds: float, in_flight: float) -> None:
    async with make_app(int(in_flight)).open_async() as app:
        task = app.configure_task(function)
        await pacing.in_flight(seconds, [task.defer_async] * int(in_flight))


async def latency(function: str, count: float) -> None:
    async with make_app(1).open_async() as app:
        task = app.configure_task(function)
        await pacing.now_and_then(int(count), lambda sent_ns: task.defer_async(sent=sent_ns))


if __name__ == "__main__":
    verbs = {"migrate": migrate, "work": work, "bulk": bulk, "single": single, "latency": latency}
    uvloop.run(told(verbs))
