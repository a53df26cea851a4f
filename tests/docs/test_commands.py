"""Commands that README.md and docs/REPORT.md print with their output print that still.

A block of lines indented by four that begins with "$ command" is one; what follows, up to the next
"$", is its output. "..." stands for whatever is there: on a line of its own for lines, within a
line for a part of it. Commands run in a folder where the sources and the build seem to lie."""

import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ["QUIRE"]).parent
DOCUMENTS = ("README.md", "docs/REPORT.md")
# What `make run` does once everything is built; make itself would build within a build.
STANDS_FOR = {"make run": "scripts/run.sh"}


def examples(text):
    """[(command, [line of output])] in the order of the text."""
    found, reading = [], False
    for line in text.splitlines():
        if line.startswith("    $ "):
            found.append((line[6:].split("   #")[0].strip(), []))
            reading = True
        elif reading and line.startswith("    "):
            found[-1][1].append(line[4:].rstrip())
        elif reading and line.strip():
            reading = False
        elif reading:
            found[-1][1].append("")
    return [(command, "\n".join(lines).strip("\n").split("\n")) for command, lines in found]


def pattern_of(lines):
    """What output must look like to be what the lines show."""
    parts = []
    for line in lines if lines != [""] else []:
        if line.strip() == "...":
            parts.append(r"(?:.*\n)*?")
        else:
            parts.append(".*".join(re.escape(part) for part in line.split("...")) + r" *\n")
    return re.compile(r"\n*" + "".join(parts) + r"\n*")


def run(command, folder):
    done = subprocess.run(STANDS_FOR.get(command, command), shell=True, cwd=folder,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)
    return done.stdout.replace(str(folder), "...")


def folder_with_sources(path):
    for entry in SOURCE.iterdir():
        if entry.name != "build":
            (path / entry.name).symlink_to(entry)
    build = path / "build"
    build.mkdir()
    for entry in BUILD.iterdir():
        if entry.is_file() and entry.suffix not in (".html", ".qtr") or "page" in entry.name:
            (build / entry.name).symlink_to(entry)
    return path


class Commands(unittest.TestCase):
    def test_what_documents_print_is_printed(self):
        with tempfile.TemporaryDirectory() as scratch:
            folder = folder_with_sources(Path(scratch))
            for document in DOCUMENTS:
                shown = examples((SOURCE / document).read_text())
                self.assertTrue(shown, document)
                for command, lines in shown:
                    with self.subTest(document=document, command=command):
                        printed = run(command, folder)
                        self.assertTrue(pattern_of(lines).fullmatch(printed), printed)

    def test_output_that_differs_is_seen(self):
        text = "A:\n\n    $ echo one; echo 2 two   # twice\n    one\n    ...two\n\n    $ true\n\nB"
        (command, lines), (other, nothing) = examples(text)
        self.assertEqual((command, lines), ("echo one; echo 2 two", ["one", "...two"]))
        self.assertEqual((other, nothing), ("true", [""]))
        self.assertTrue(pattern_of(lines).fullmatch(run(command, "/")))
        self.assertFalse(pattern_of(lines).fullmatch("one\n2 three\n"))
        self.assertFalse(pattern_of(lines).fullmatch("one\nmore\n2 two\n"))
        self.assertTrue(pattern_of(["one", "...", "two"]).fullmatch("one\nmore\ntwo\n"))


if __name__ == "__main__":
    sys.exit(unittest.main())
