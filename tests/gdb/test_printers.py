#!/usr/bin/env python3
"""test_printers.py PRINTERS PROGRAM: what gdb prints for the values of printed.cpp."""

import subprocess
import sys

EXPECTED = {
    "bytes": "4096 B",
    "count": "16 pages",
    "phys": "phys 0x100000",
    "virt": "virt 0x7fff0000",
    "pfn": "pfn 0x1234",
    "range": "[pfn 0x10, pfn 0x20)",
    "order": "order 3",
    "node": "node 1",
    "nowhere": "no node",
    "cpu": "cpu 2",
    "no_page": "no page",
    "free_page": "free block of order 3, zone 2, movable",
    "used_page": "block in use of order 0, zone 1, dirty, swap backed, refcount 4",
    "empty_list": "no pages",
    "list": "pages #3 to #32770 (set $quire_map to see them)",
}
EXPECTED_WITH_MAP = {
    "empty_list": "no pages",
    "list": "pages = {#3 (pfn 0x3), #1 (pfn 0x1), #32770 (pfn 0x28002)}",
    "broken_list": "pages = {#20 (pfn 0x14), #21: broken, its prev is #9}",
}


def main(printers, program):
    prints = [f"output {name}" for name in EXPECTED]
    prints += ["set var $quire_map = &map"] + [f"output {name}" for name in EXPECTED_WITH_MAP]
    commands = ["set debuginfod enabled off", f"source {printers}", "break stop_here", "run", "up"]
    for command in prints:
        commands += [command, "echo \\n"] if command.startswith("output") else [command]
    arguments = [word for command in commands for word in ("-ex", command)]
    result = subprocess.run(["gdb", "-batch", "-nx", *arguments, program], text=True, check=False,
                            stdin=subprocess.DEVNULL, capture_output=True)
    expected = list(EXPECTED.items()) + list(EXPECTED_WITH_MAP.items())
    printed = result.stdout.splitlines()[-len(expected):]
    wrong = 0
    for (name, text), line in zip(expected, printed):
        # A reference is shown with its address first.
        if line.split(": ", 1)[-1] != text and line != text:
            print(f"{name}: expected '{text}', gdb prints '{line}'")
            wrong += 1
    if wrong or len(printed) != len(expected):
        print(result.stdout, result.stderr)
        return 1
    print(f"{len(expected)} values printed as expected")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
