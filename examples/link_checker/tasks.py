"""The task: ask for one address, say what came. A coroutine, which hardly uses the processor and mostly waits."""

import asyncio
import ssl
from typing import TypedDict

import httpx

from lapinq import AsyncTaskQueue, RetryError

from .links import links_in

MOST_BYTES = 2_000_000
MOST_REDIRECTS = 5
RETRY_SECONDS = 1.0
MAY_PASS = frozenset({429, 500, 502, 503, 504})

queue = AsyncTaskQueue(queue_name="links")

_TLS = ssl.create_default_context()  # takes longer to make than most pages to load: once a process


class Page(TypedDict):
    """What is behind an address. `location` is where redirects led; `problem` is None when all is well."""

    location: str
    problem: str | None
    links: list[str]


@queue.task(max_retries=2)
async def check_page(url: str, read_links: bool, patience: float) -> Page:
    """Ask for `url` and, if it is an HTML page and `read_links` is set, find what it refers to.

    What may pass, such as an overloaded server or one that doesn't answer within `patience` seconds, is asked
    again later. Raising `RetryError` is how a task says so; the last time the task fails with its message.
    """
    try:
        async with asyncio.timeout(patience):
            return await _look(url, read_links)
    except httpx.TooManyRedirects:
        return {"location": url, "problem": "redirects without an end", "links": []}
    except (httpx.InvalidURL, httpx.UnsupportedProtocol):
        return {"location": url, "problem": "not an address", "links": []}
    except TimeoutError:
        raise RetryError(RETRY_SECONDS, f"no answer within {patience:g} s") from None
    except httpx.TransportError as error:
        raise RetryError(RETRY_SECONDS, f"no answer: {str(error) or type(error).__name__}") from None


async def _look(url: str, read_links: bool) -> Page:
    async with (
        httpx.AsyncClient(
            verify=_TLS,
            timeout=None,  # noqa: S113  # check_page limits all of it
            follow_redirects=True,
            max_redirects=MOST_REDIRECTS,
            mounts={"all://127.0.0.1": None},  # no proxy leads to this host
        ) as client,
        client.stream("GET", url) as response,
    ):
        verdict = f"{response.status_code} {response.reason_phrase}"
        if response.status_code in MAY_PASS:
            raise RetryError(RETRY_SECONDS, verdict)
        is_page = response.is_success and response.headers.get("content-type", "").startswith("text/html")
        location = str(response.url)
        return {
            "location": location,
            "problem": None if response.is_success else verdict,
            # Else only the headers are read: a link to a film is no reason to load it.
            "links": links_in(await _text(response), location) if is_page and read_links else [],
        }


async def _text(response: httpx.Response) -> str:
    """The page, or the beginning of one without an end."""
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MOST_BYTES:
            break
    return body.decode(response.encoding or "utf-8", errors="replace")
