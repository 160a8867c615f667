"""Names the slowest tests of several reports of pytest (`--junitxml`), so that the next one to grow is seen."""

import sys
from pathlib import Path
from xml.etree import ElementTree as ET

MAX_LISTED = 20


def main(reports: list[Path]) -> None:
    cases = [
        (float(case.get("time", 0)), f"{case.get('classname')}::{case.get('name')}", report.stem)
        for report in reports
        for case in ET.parse(report).iter("testcase")  # noqa: S314  # pytest wrote it
    ]
    print(f"\nThe slowest {MAX_LISTED} of {len(cases)} tests, with setup and teardown:")
    for seconds, name, part in sorted(cases, reverse=True)[:MAX_LISTED]:
        print(f"{seconds:6.1f} s  {name}  ({part})")


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]])
