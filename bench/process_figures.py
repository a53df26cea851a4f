"""Instructions of faults and memory calls: those of the core's functions, without what the model of
translation caches does in place of a processor."""

import collections
import re

PER_CASE = 1_000  # faults, pages and calls of bench/process.cpp
LINUX = "linux_6.1 (quoted)"
HARDWARE = "with the model's flushes"
QUOTED = {
    "fault.anon": {LINUX: 2219},
    "fault.zero": {LINUX: 1236},
    "fault.cow": {LINUX: 2874},
    "mm.mmap_munmap": {LINUX: 11377},
    "mm.mmap_munmap_beside": {LINUX: 16090},
    "mm.munmap_page": {LINUX: 1299},
    "mm.fork_page": {LINUX: 131},
    "mm.mremap_page": {LINUX: 110},
}
GOALS = {
    "fault.anon": (600, None),
    "fault.zero": (300, None),
    "fault.cow": (700, None),
    "mm.mmap_munmap": (2000, None),
    "mm.mmap_munmap_beside": (2000, None),
    "mm.mmap_munmap_beside_touched": (2000, None),
    "mm.munmap_page": (300, None),
    "mm.fork_page": (60, None),
    "mm.mremap_page": (40, None),
    "mm.mremap_page_alone": (40, None),
}
CASES = {
    "fault.anon": "fault_anon",
    "fault.zero": "fault_zero",
    "fault.cow": "fault_cow",
    "mm.mmap_munmap": "mmap_munmap",
    "mm.mmap_munmap_beside": "mmap_munmap_beside",
    "mm.mmap_munmap_beside_touched": "mmap_munmap_beside_touched",
    "mm.munmap_page": "munmap_touched",
    "mm.mremap_page": "mremap",
    "mm.mremap_page_alone": "mremap_entries",
}


def is_model(function):
    return re.match(r"quire::(CpuTlb|TlbModel)::", function) is not None


class Profile:
    """A dump of callgrind. `names` is of all dumps of a run: each name is written once."""

    def __init__(self, text, names):
        self.own = collections.Counter()  # instructions by function
        self.model = 0                    # of the model's functions and what they call
        function = callee = ""
        for line in text.splitlines():
            named = re.match(r"(c?)fn=\((\d+)\)", line)
            cost = re.match(r"[-+*\d]\S* (\d+)$", line)
            if named and named[1]:
                callee = names[named[2]]
            elif named:
                function = names[named[2]]
            elif cost and callee:
                if is_model(callee) and not is_model(function):
                    self.model += int(cost[1])
                callee = ""
            elif cost:
                self.own[function] += int(cost[1])

    def core(self):
        mine = sum(count for name, count in self.own.items() if "quire::bench::" not in name)
        return mine - self.model


def profiles(dumps):
    names = {}
    for text in dumps.values():
        names.update(re.findall(r"^c?fn=\((\d+)\) (.+)$", text, re.M))
    return {case: Profile(text, names) for case, text in dumps.items()}


def measure(bench):
    found = profiles(bench.dumps("process"))
    forks = [found[case] for case in ("fork_small", "fork_empty")]

    def add(name, core, model):
        bench.add(name, "instructions", core / PER_CASE,
                  {**QUOTED.get(name, {}), HARDWARE: (core + model) / PER_CASE})

    for name, case in CASES.items():
        add(name, found[case].core(), found[case].model)
    add("mm.fork_page", forks[0].core() - forks[1].core(), forks[0].model - forks[1].model)
