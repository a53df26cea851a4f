#!/usr/bin/env python3
"""condense.py LOG > NAME.guest: what a program told on the reference kernel, as the test reads it.

    at PGFAULT PGMAJFAULT PGALLOC PGFREE MINFLT MAJFLT NAME
                                                counted since `launch` became the program, pages of
                                                all zones together; its own faults are -1 where it
                                                asked for them at another place
    vma START-END RIGHTS RSS ANONYMOUS PRIVATE_CLEAN PRIVATE_DIRTY SHARED_CLEAN SHARED_DIRTY NAME
                                                in KiB
"""
import re
import sys

ROWS = ("Rss", "Anonymous", "Private_Clean", "Private_Dirty", "Shared_Clean", "Shared_Dirty")


def blocks(lines):
    block = []
    for line in lines:
        if line == "END":
            yield block
            block = []
        elif re.match(r"(TELL|PHASE) ", line):
            block = [line]
        elif block:
            block.append(line)


def number(block, name):
    return next(int(line.split()[1]) for line in block if line.split()[:1] == [name])


def allocated(block):
    return sum(int(line.split()[1]) for line in block if line.startswith("pgalloc_"))


def show_vmas(block):
    vma = None
    for line in block:
        head = re.match(r"([0-9a-f]+-[0-9a-f]+) (\S{4}) \S+ \S+ \S+ *(.*)", line)
        if head:
            vma = (head, {})
        elif vma and line.split(":")[0] in ROWS:
            vma[1][line.split(":")[0]] = line.split()[1]
        elif vma and line.startswith("VmFlags"):
            print("vma", vma[0][1], vma[0][2], *(vma[1][row] for row in ROWS), vma[0][3])


base = None
for block in blocks(open(sys.argv[1], errors="replace").read().split("\n")):
    name = block[0].split(" ", 1)[1]
    own = "self_" if block[0].startswith("PHASE") else ""
    counts = [number(block, "pgfault"), number(block, "pgmajfault"),
              allocated(block), number(block, "pgfree"),
              number(block, own + "minflt"), number(block, own + "majflt")]
    if name == "launch":
        base = counts
    if name in ("nothing", "launch"):
        continue
    counts = [now - then for now, then in zip(counts, base)]
    print("at", *(counts[:4] + [-1, -1] if own else counts), name)
    show_vmas(block)
