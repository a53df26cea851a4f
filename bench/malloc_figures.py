"""The malloc.* figures: programs that know only malloc() and free(), run on libquire_malloc.so and
on Debian's allocators in turn (LD_PRELOAD)."""

import os
import re
import statistics
import subprocess

PAIRS = 1000
BATCH_OBJECTS = 20 * 1000
ROUNDS = 9
QUIRE = "quire"
GLIBC = "glibc"
LIBRARIES = {"mimalloc": "libmimalloc.so.2", "jemalloc": "libjemalloc.so.2",
             "tcmalloc": "libtcmalloc_minimal.so.4"}
# name: (at most, at least). Where it says "ahead", the goal is to be below every peer.
GOALS = {
    "malloc.64_pair": (47, None),
    "malloc.largest_pair": (75, None),
    **{f"malloc.batch1000_{size}_{order}": (most, None)
       for size, most in ((64, 50), (256, 60), (1024, 80)) for order in ("fifo", "lifo", "random")},
    "malloc.refill_rss_ratio": (1.5, None),
}
AHEAD = ("malloc.64_pair_ns", "malloc.producer_consumer_ns", "malloc.larson_ns")


def allocators(build):
    """Name and path of each allocator that is here; glibc's is no library of its own."""
    found = {}
    ours = os.path.abspath(os.path.join(build, "libquire_malloc.so"))
    if os.path.exists(ours):
        found[QUIRE] = ours
    found[GLIBC] = ""
    cache = subprocess.run(["/sbin/ldconfig", "-p"], stdout=subprocess.PIPE, text=True, check=True)
    for name, library in LIBRARIES.items():
        match = re.search(rf"^\s*{re.escape(library)} .*=> (\S+)$", cache.stdout, re.M)
        if match:
            found[name] = match[1]
    return found


def preloaded(library):
    return {**os.environ, "LD_PRELOAD": library}


def add(bench, name, unit, figures):
    """One row: Quire's figure, and the others' as its peers."""
    peers = {who: figure for who, figure in figures.items() if who != QUIRE}
    if QUIRE in figures:
        bench.add(name, unit, figures[QUIRE], peers)


def instructions(bench, libraries):
    rows = {}
    for who, library in libraries.items():
        counts = bench.count("malloc_pairs", preloaded(library))
        pairs = {int(case[len("pair_"):]): (count - counts["empty_pair"]) / PAIRS
                 for case, count in counts.items() if case.startswith("pair_")}
        rows.setdefault("malloc.64_pair", {})[who] = pairs[64]
        rows.setdefault("malloc.largest_pair", {})[who] = max(pairs.values())
        for case, count in counts.items():
            if case.startswith("batch_"):
                name = "malloc.batch1000_" + case[len("batch_"):]
                each = (count - counts["empty_batch"]) / BATCH_OBJECTS
                rows.setdefault(name, {})[who] = each
    for name, figures in rows.items():
        add(bench, name, "instructions", figures)


def in_turn(bench, libraries, program, *arguments):
    """The median of rounds in which each allocator has its turn."""
    figures = {who: [] for who in libraries}
    for _ in range(ROUNDS):
        for who, library in libraries.items():
            done = subprocess.run([bench.program(program), *arguments], env=preloaded(library),
                                  stdout=subprocess.PIPE, text=True, check=True, timeout=600)
            figures[who].append(float(done.stdout))
    return {who: statistics.median(all_of) for who, all_of in figures.items()}


def resident(bench, libraries):
    figures = {}
    for who, library in libraries.items():
        done = subprocess.run([bench.program("malloc_refill")], env=preloaded(library),
                              stdout=subprocess.PIPE, text=True, check=True, timeout=600)
        figures[who] = float(done.stdout)
    add(bench, "malloc.refill_rss_ratio", "ratio", figures)


def measure(bench):
    libraries = allocators(bench.build)
    instructions(bench, libraries)
    add(bench, "malloc.64_pair_ns", "ns", in_turn(bench, libraries, "malloc_pairs", "ns"))
    add(bench, "malloc.producer_consumer_ns", "ns",
        in_turn(bench, libraries, "malloc_threads", "producer"))
    add(bench, "malloc.larson_ns", "ns", in_turn(bench, libraries, "malloc_threads", "larson"))
    resident(bench, libraries)
