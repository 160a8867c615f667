"""`python -m examples.link_checker [URL]`: check a site and write a report of its broken links."""

import asyncio
from urllib.parse import urljoin

from ..files import replacing
from ..running import options, run
from .crawl import Findings, Limits, crawl
from .site import local_site
from .tasks import queue


def main() -> None:
    """Without an address, serve a small broken site and check that."""
    parser = options("link_checker", "Find the broken links of a site.")
    parser.add_argument(
        "url", nargs="?", help="the first page; by default the program serves a small site and checks it"
    )
    parser.add_argument(
        "--patience", type=float, default=2.0, help="maximum seconds to wait for a page [%(default)s]"
    )
    parser.add_argument(
        "--most", type=int, default=500, help="maximum number of addresses to check [%(default)s]"
    )
    given = parser.parse_args()

    queue.server_url, queue.api_key = given.server_url, given.api_key
    limits = Limits(given.patience, given.timeout, given.most)
    if given.url:
        findings = asyncio.run(crawl(given.url, limits))
        start = given.url
    else:
        with local_site() as site:
            start = site.url
            findings = asyncio.run(crawl(start, limits))

    report = given.folder.resolve() / "links.md"
    with replacing(report) as part:
        part.write_text(_report(findings, start), encoding="utf-8")
    print(_summary(findings))
    print(report)


def _report(findings: Findings, start: str) -> str:
    lines = [
        f"# Links of {start}",
        "",
        _summary(findings),
        "",
        "| page | link | problem |",
        "| --- | --- | --- |",
    ]
    site = urljoin(start, "/").removesuffix("/")
    for row in findings.broken:
        cells = (cell.removeprefix(site).replace("|", "%7C") for cell in row)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _summary(findings: Findings) -> str:
    checked = len(findings.problems)
    broken = sum(problem is not None for problem in findings.problems.values())
    rest = f" {len(findings.left_out)} more were left out." if findings.left_out else ""
    return f"{checked} addresses checked, {broken} of them broken.{rest}"


if __name__ == "__main__":
    run(main)
