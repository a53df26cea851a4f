#!/usr/bin/env python3
"""screenshot.py REPORT.html PICTURE.png: the top of a report, as docs/ shows it."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/report"))
from browser import Browser  # noqa: E402

WIDTH, HEIGHT = 1100, 930


def main(report, picture):
    with Browser() as browser:
        browser.open(report, (WIDTH, HEIGHT))
        browser.screenshot(picture)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
