"""The slab.* figures: instructions under callgrind, and time beside the malloc of each allocator of
Debian's, preloaded in turn."""

import json
import os
import statistics
import subprocess

import malloc_figures

PAIRS = 10_000
BATCH_OBJECTS = 20 * 1000
ROUNDS = 5
LINUX = "linux_6.1 (quoted)"
QUOTED = {
    "slab.cache_pair": {LINUX: 226},
    "slab.kmalloc64_pair": {LINUX: 270, "snmalloc_inline (quoted)": 43},
}
# name: (at most, at least)
GOALS = {"slab.cache_pair": (30, None), "slab.kmalloc64_pair": (40, None)}
AHEAD = ("slab.cache_pair_ns",)


def instructions(bench, dpdk_pair):
    counts = bench.count("slab")

    def pair(case):
        return (counts[case] - counts["empty_pair"]) / PAIRS

    def each(case):
        return (counts[case] - counts["empty_batch"]) / BATCH_OBJECTS

    peers = {"glibc_malloc": pair("malloc_pair")}
    if dpdk_pair is not None:
        peers["dpdk_mempool"] = dpdk_pair
    bench.add("slab.cache_pair", "instructions", pair("cache_pair"), peers)
    bench.add("slab.kmalloc64_pair", "instructions", pair("kmalloc64_pair"), peers)
    bench.add("slab.kmalloc_any_pair", "instructions", pair("kmalloc_any_pair"))
    bench.add("slab.batch1000", "instructions/object", each("batch1000"))
    bench.add("slab.bulk1000", "instructions/object", counts["bulk1000"] / BATCH_OBJECTS)


def times(bench):
    """Rounds in which each library has its turn; ours is measured in each of them."""
    libraries = malloc_figures.allocators(bench.build)
    libraries.pop(malloc_figures.QUIRE, None)
    ours = {"cache_pair": [], "kmalloc64_pair": []}
    theirs = {who: [] for who in libraries}
    dpdk = []
    for _ in range(ROUNDS):
        for who, library in libraries.items():
            done = subprocess.run([bench.program("slab_time")], stdout=subprocess.PIPE, text=True,
                                  env=malloc_figures.preloaded(library), check=True, timeout=600)
            figures = json.loads(done.stdout)
            theirs[who].append(figures["malloc_pair"])
            for case, values in ours.items():
                values.append(figures[case])
        if os.path.exists(bench.program("peer_dpdk")):
            try:
                dpdk.append(bench.json("peer_dpdk")["pair_ns"])
            except subprocess.CalledProcessError:
                pass
    peers = {who: statistics.median(values) for who, values in theirs.items()}
    if dpdk:
        peers["dpdk_mempool"] = statistics.median(dpdk)
    for case, values in ours.items():
        bench.add(f"slab.{case}_ns", "ns", statistics.median(values), peers)


def measure(bench, dpdk_pair):
    instructions(bench, dpdk_pair)
    times(bench)
