"""`scripts/audit` tells of advisories about locked packages. A service that speaks like osv.dev stands in for it."""

import json
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from scripts import advisories
from tests.support.programs.packages import ROOT

_STARLETTE = next(version for name, version in advisories.locked() if name == "starlette")


@contextmanager
def knowing(known: dict[str, list[str]]) -> Generator[str]:
    """The address of a service that knows these advisories by package."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            names = [query["package"]["name"] for query in asked["queries"]]
            results: list[dict[str, Any]] = [
                {"vulns": [{"id": each, "modified": "2026-01-31T00:00:00Z"} for each in known[name]]}
                if name in known
                else {}
                for name in names
            ]
            body = json.dumps({"results": results}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # its name there
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def audit(service: str, *arguments: str) -> tuple[int, str]:
    command = [sys.executable, str(ROOT / "scripts/advisories.py"), "--service", service, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_an_advisory_about_a_locked_version_is_told() -> None:
    with knowing({"starlette": ["GHSA-aaaa", "PYSEC-1"], "unrelated": ["GHSA-bbbb"]}) as service:
        code, said = audit(service)
    assert code == 1
    first, second = said.splitlines()
    assert first.startswith(f"starlette {_STARLETTE} in ")
    assert "image.txt" in first
    assert first.endswith(": https://osv.dev/vulnerability/GHSA-aaaa")
    assert second.endswith("PYSEC-1")


def test_packages_without_advisories_pass() -> None:
    with knowing({}) as service:
        assert audit(service, "--required") == (
            0,
            f"no advisories about the {len(advisories.locked())} locked packages\n",
        )


def test_a_service_that_can_not_be_reached_fails_only_where_it_is_required() -> None:
    with knowing({}) as service:
        pass
    for arguments, expected in (((), 0), (("--required",), 1)):
        code, said = audit(service, *arguments)
        assert code == expected
        assert said.startswith(f"advisories were not looked for: {service} gives no answer (")


def test_every_locked_package_is_asked_for() -> None:
    pinned = {
        line.split("==")[0].partition("[")[0]
        for path in advisories.LOCKS.glob("*.txt")
        for line in path.read_text().splitlines()
        if "==" in line and not line.startswith((" ", "#"))
    }
    assert pinned == {name for name, _ in advisories.locked()}
    assert len(pinned) > 50
