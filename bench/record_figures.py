"""The record.* figures: `sort` of 200,000 lines under `quire record` and under plain qemu-user."""

import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

LINES = 200_000
ROUNDS = 3
# name: (at most, at least)
GOALS = {
    "record.slowdown": (3, None),
    "record.bytes_per_access": (2, None),
}


def cpu_seconds(command):
    """CPU time of a command and its children, and what it says on stderr."""
    before = os.times()
    done = subprocess.run(command, check=True, stderr=subprocess.PIPE, text=True, timeout=600)
    after = os.times()
    return (after.children_user - before.children_user +
            after.children_system - before.children_system), done.stderr


def measure(bench):
    tool = os.path.join(bench.build, "quire")
    if not os.path.exists(tool) or not shutil.which("qemu-x86_64"):
        print("no record figures: quire and qemu-x86_64 are needed", file=sys.stderr)
        return
    numbers = random.Random(1)
    with tempfile.TemporaryDirectory() as directory:
        lines, trace = os.path.join(directory, "lines"), os.path.join(directory, "t.qtr")
        with open(lines, "w", encoding="ascii") as file:
            file.writelines(f"{numbers.getrandbits(64):016x} line\n" for _ in range(LINES))
        # One thread: how many pages threads touch at a time depends on when they run.
        sort = [shutil.which("sort"), "--parallel=1", "-o", os.path.join(directory, "out"), lines]
        plain, recorded, said = [], [], ""
        for _ in range(ROUNDS):
            plain.append(cpu_seconds(["qemu-x86_64", *sort])[0])
            seconds, said = cpu_seconds([tool, "record", "-o", trace, "--", *sort])
            recorded.append(seconds)
        accesses = int(re.search(r"(\d+) accesses", said)[1])
        bench.add("record.slowdown", "times", min(recorded) / min(plain), {"qemu-user": 1})
        bench.add("record.bytes_per_access", "bytes", os.path.getsize(trace) / accesses)
