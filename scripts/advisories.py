"""Asks osv.dev which packages in deploy/lock have known vulnerabilities, and says which: `scripts/audit [--required]`.

It sends their names and versions. Where the service can't be reached it says so; that is a failure with --required.
"""

import argparse
import json
import re
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path

LOCKS = Path(__file__).parents[1] / "deploy" / "lock"
SERVICE = "https://api.osv.dev"
SECONDS = 30.0
ACCEPTED: Mapping[str, str] = {}
"""Advisories that don't concern lapinq, with the reason."""

_PINNED = re.compile(r"^([\w.-]+)(?:\[[\w,-]+\])?==([\w.!+]+)", re.MULTILINE)


def locked() -> dict[tuple[str, str], list[str]]:
    """Name and version of each package, with the locks that have it."""
    found: dict[tuple[str, str], list[str]] = {}
    for path in sorted(LOCKS.glob("*.txt")):
        for name, version in _PINNED.findall(path.read_text(encoding="utf-8")):
            found.setdefault((name, version), []).append(path.name)
    return found


def advisories(service: str, packages: list[tuple[str, str]]) -> list[list[str]]:
    """The ids of what is known about each of `packages`. Raises `OSError` or `ValueError` if there is no answer."""
    queries = [
        {"package": {"ecosystem": "PyPI", "name": name}, "version": version} for name, version in packages
    ]
    request = urllib.request.Request(  # noqa: S310  # the address is ours
        f"{service}/v1/querybatch",
        data=json.dumps({"queries": queries}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=SECONDS) as response:  # noqa: S310
        results = json.load(response)["results"]
    if len(results) != len(packages):
        raise ValueError(f"{len(results)} results for {len(packages)} packages")
    return [[each["id"] for each in result.get("vulns", ())] for result in results]


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/audit")
    parser.add_argument("--required", action="store_true", help="fail if the service can't be reached")
    parser.add_argument("--service", default=SERVICE, help="another service with the API of osv.dev")
    given = parser.parse_args()
    packages = locked()
    try:
        found = advisories(given.service, [*packages])
    except (OSError, ValueError, KeyError) as error:
        print(f"advisories were not looked for: {given.service} gives no answer ({error})")
        return 1 if given.required else 0
    told = [
        f"{name} {version} in {', '.join(locks)}: https://osv.dev/vulnerability/{each}"
        for ((name, version), locks), ids in zip(packages.items(), found, strict=True)
        for each in ids
        if each not in ACCEPTED
    ]
    print("\n".join(told) or f"no advisories about the {len(packages)} locked packages")
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main())
