"""The task: fetch one address and return what came. A coroutine, because it mostly waits."""

import asyncio
import ssl
from typing import TypedDict

import httpx

from lapinq import AsyncTaskQueue, RetryError

from .links import links_in

MAX_BYTES = 2_000_000
MAX_REDIRECTS = 5
RETRY_SECONDS = 1.0
MAY_PASS = frozenset({429, 500, 502, 503, 504})

queue = AsyncTaskQueue(queue_name="links")

_TLS = ssl.create_default_context()  # slower to create than most pages load, so once per process


class Page(TypedDict):
    """The page at an address. `location` is where redirects led; `problem` is None for a good page."""

    location: str
    problem: str | None
    links: list[str]


@queue.task(max_retries=2)
async def check_page(url: str, read_links: bool, patience: float) -> Page:
    """Fetch `url` and, if it is an HTML page and `read_links` is set, extract its links.

    Temporary problems, such as an overloaded server or no answer within `patience` seconds, raise `RetryError` to
    try again later. After the last retry the task fails with that message.
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
            timeout=None,  # noqa: S113  # check_page limits the total time
            follow_redirects=True,
            max_redirects=MAX_REDIRECTS,
            mounts={"all://127.0.0.1": None},  # no proxy for this host
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
            # Otherwise read only the headers: don't download a video to check a link.
            "links": links_in(await _text(response), location) if is_page and read_links else [],
        }


async def _text(response: httpx.Response) -> str:
    """The page, cut off at `MAX_BYTES`."""
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_BYTES:
            break
    return body.decode(response.encoding or "utf-8", errors="replace")
