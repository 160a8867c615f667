"""procrastinate, on uvloop: `migrate`, `work CONCURRENCY`, or a producer. The database is in the PG… variables."""
# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false, reportUntypedFunctionDecorator=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import uvloop
from procrastinate import App, JobContext, PsycopgConnector, RetryStrategy

from tests.bench.contenders import marks, pacing
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

    @app.task(name="mix", retry=RetryStrategy(max_attempts=3, wait=0), pass_context=True)
    async def mix(context: JobContext, number: int, payload: str) -> None:  # pyright: ignore[reportUnusedFunction]
        marks.ran()
        await asyncio.sleep(pacing.MIX_SECONDS)
        if number % pacing.MIX_FAILS_EACH == 0 and context.job.attempts == 0:
            raise ValueError("as it should, for now")

    return app


@asynccontextmanager
async def producers(connections: int) -> AsyncGenerator[Puts]:
    async with make_app(connections).open_async() as app:
        nothing, arrive = app.configure_task("nothing"), app.configure_task("arrive")
        queues = [app.configure_task("mix", queue=f"queue {number}") for number in range(pacing.MIX_QUEUES)]

        async def put_mix(numbers: range) -> None:
            for place, queue in enumerate(queues):
                chosen = numbers[place :: len(queues)]
                await queue.batch_defer_async(*({"number": one, "payload": pacing.PAYLOAD} for one in chosen))

        yield Puts(
            lambda count: nothing.batch_defer_async(*({} for _ in range(count))),
            nothing.defer_async,
            lambda sent_ns: arrive.defer_async(sent=sent_ns),
            put_mix,
        )


async def migrate() -> None:
    async with make_app(1).open_async() as app:
        await app.schema_manager.apply_schema_async()


async def work(concurrency: int) -> None:
    async with make_app(concurrency + 1).open_async() as app:
        await app.run_worker_async(concurrency=concurrency)


if __name__ == "__main__":
    run(producers, {"migrate": migrate, "work": work}, uvloop.run)
