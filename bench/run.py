#!/usr/bin/env python3
"""Runs every measurement, prints a table and writes it as JSON: a list of
{name, unit, value, peers: {name: value}}. docs/PERFORMANCE.md says what is measured."""

import argparse
import glob
import json
import os
import re
import resource
import subprocess
import sys
import tempfile

import malloc_figures
import process_figures
import record_figures
import slab_figures

PAIRS = 10_000
BULK_PAGES = 20 * 1024
BATCH = 1024
SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# Measured on a machine like these, under QEMU's instruction counting: Linux without clearing pages
# and without mitigations; LLFree (the best published allocator) in user space.
LINUX = "linux_6.1 (quoted)"
LLFREE = "llfree (quoted)"
QUOTED = {
    "page.order0_pair": {LINUX: 691, LLFREE: 513},
    "page.order0_pair_call": {LINUX: 691, LLFREE: 513},
    "page.bulk1024": {LINUX: 1124, LLFREE: 533},
    "page.order3_pair": {LINUX: 879},
    "page.order9_pair": {LINUX: 9974, LLFREE: 252},
    "page.alloc_bulk_512": {LINUX: 65.4},
    "page.sizeof": {LINUX: 64},
    "vmalloc.4_pages_pair": {LINUX: 4878},
    "replay.hits_per_second.zipf_64m": {"libcachesim_lru, at most (quoted)": 16_000_000},
    **slab_figures.QUOTED,
}
REPLAY_STREAMS = ("48_pages", "1024_pages", "zipf_64m", "zipf_0.99_64m", "uniform_64m",
                  "sequential_64m")
# name: (at most, at least)
GOALS = {
    "page.order0_pair": (80, None),
    "page.bulk1024": (140, None),
    "page.order9_pair": (160, None),
    "tlb.hit": (15, None),
    "pagetable.map_page": (40, None),
    "pagetable.unmap_page": (40, None),
    "vmalloc.4_pages_pair": (1500, None),
    "page.two_thread_scaling": (None, 0.9),
    "page.order0_ns_ratio": (5, None),
    "page.sizeof": (32, None),
    **{"replay.hits_per_second." + stream: (None, 50_000_000) for stream in REPLAY_STREAMS},
    "replay.bytes_per_touched_page": (64, None),
    "boot.1tib_seconds": (1, None),
    "boot.1tib_rss_mib": (64, None),
    **process_figures.GOALS,
    **slab_figures.GOALS,
    **malloc_figures.GOALS,
    **record_figures.GOALS,
}


class Bench:
    def __init__(self, build):
        self.build = build
        self.rows = []

    def program(self, name):
        return os.path.join(self.build, "bench_" + name)

    def add(self, name, unit, value, peers=None):
        digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 100 else 3
        peers = {**QUOTED.get(name, {}), **(peers or {})}
        peers = {who: round(figure, 3) for who, figure in peers.items()}
        self.rows.append({"name": name, "unit": unit, "value": round(value, digits) or 0,
                          "peers": peers})

    def output(self, name, *arguments):
        done = subprocess.run([self.program(name), *arguments], check=True, stdout=subprocess.PIPE,
                              text=True, timeout=600)
        return done.stdout

    def json(self, name, *arguments):
        return json.loads(self.output(name, *arguments))

    def dumps(self, name, environment=None):
        """What callgrind dumps of each case of the program."""
        with tempfile.TemporaryDirectory() as directory:
            out = os.path.join(directory, "count")
            done = subprocess.run(
                ["valgrind", "--tool=callgrind", "--collect-atstart=no",
                 "--callgrind-out-file=" + out, self.program(name)],
                env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                timeout=600)
            if done.returncode != 0:
                sys.stderr.write(done.stdout)
                raise RuntimeError(name + " failed under callgrind")
            dumps = {}
            for dump in glob.glob(out + ".*"):
                with open(dump, encoding="utf-8") as file:
                    text = file.read()
                if case := re.search(r"^desc: Trigger: Client Request: (\S+)$", text, re.M):
                    dumps[case[1]] = text
            return dumps

    def count(self, name, environment=None):
        """Instructions of each case."""
        totals = {case: re.search(r"^summary: (\d+)$", text, re.M)
                  for case, text in self.dumps(name, environment).items()}
        return {case: int(total[1]) for case, total in totals.items() if total}


def dpdk_counts(bench):
    """DPDK's counts, or nothing where it is not installed or does not start."""
    if not os.path.exists(bench.program("peer_dpdk")):
        return {}
    try:
        return bench.count("peer_dpdk")
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        print("no DPDK figures:", error, file=sys.stderr)
        return {}


def instructions(bench):
    counts = bench.count("instructions")
    dpdk = dpdk_counts(bench)

    def pair(total):
        return (total - counts["empty_pair"]) / PAIRS

    def each(total):
        return (total - counts["empty_bulk1024"]) / BULK_PAGES

    peers = {"dpdk_mempool": pair(dpdk["order0_pair"])} if dpdk else {}
    peers["glibc_aligned_alloc"] = pair(counts["malloc_pair"])
    bench.add("page.order0_pair", "instructions", pair(counts["order0_pair"]), peers)
    bench.add("page.order0_pair_call", "instructions", pair(counts["order0_pair_call"]))
    bench.add("page.order3_pair", "instructions", pair(counts["order3_pair"]))
    bench.add("page.order9_pair", "instructions", pair(counts["order9_pair"]))
    bench.add("page.order9_pair_compound", "instructions", pair(counts["order9_pair_compound"]))
    bench.add("page.bulk1024", "instructions/page", each(counts["bulk1024"]),
              {"dpdk_mempool": each(dpdk["bulk1024"])} if dpdk else {})
    bench.add("page.alloc_bulk_512", "instructions/page", counts["alloc_bulk_512"] / 512)
    slab_figures.measure(bench, pair(dpdk["order0_pair"]) if dpdk else None)


def tlb(bench):
    counts = bench.count("tlb")

    def loop(case):  # without what is done once before it
        return counts[case + "_twice"] - counts[case]

    for case in ("hit", "hit_large", "hit_second"):
        bench.add("tlb." + case, "instructions", (loop(case) - loop("empty_hit")) / PAIRS)


def vma(bench):
    counts = bench.count("vma")
    bench.add("vma.lookup", "instructions", (counts["lookup"] - counts["empty_lookup"]) / PAIRS)


def pagetable(bench):
    counts = bench.count("pagetable")
    for name, case in (("map_page", "map"), ("map_scattered_page", "map_pages"),
                       ("unmap_page", "unmap")):
        bench.add("pagetable." + name, "instructions/page", counts[case] / BATCH)


def vmalloc(bench):
    counts = bench.count("vmalloc")
    bench.add("vmalloc.4_pages_pair", "instructions",
              (counts["4_pages_pair"] - counts["empty_pair"]) / PAIRS)


def times(bench):
    report = bench.json("time", "--benchmark_format=json", "--benchmark_min_time=0.2",
                        "--benchmark_repetitions=3", "--benchmark_report_aggregates_only=true")
    ns = {row["run_name"]: row["cpu_time"] for row in report["benchmarks"]
          if row["aggregate_name"] == "median"}
    peers = {"glibc_aligned_alloc": ns["malloc_pair"]}
    if os.path.exists(bench.program("peer_dpdk")):
        try:
            peers["dpdk_mempool"] = bench.json("peer_dpdk")["pair_ns"]
        except subprocess.CalledProcessError:
            pass
    bench.add("page.order0_pair_ns", "ns", ns["pair/0"], peers)
    bench.add("page.order3_pair_ns", "ns", ns["pair/3"])
    bench.add("page.order9_pair_ns", "ns", ns["pair/9"])
    bench.add("page.bulk1024_ns", "ns/page", ns["bulk/1024"] / 1024)


def ratio(bench):
    figures = bench.json("ratio")
    bench.add("page.order0_ns_ratio", "ratio", figures["order0_ns_ratio"],
              {"pages_ns": figures["order0_call_ns"], "private_stack_ns": figures["stack_call_ns"]})
    bench.add("page.order0_ns_ratio_inlined", "ratio", figures["order0_ns_ratio_inlined"],
              {"pages_ns": figures["order0_inlined_ns"],
               "private_stack_ns": figures["stack_inlined_ns"]})


def scaling(bench):
    if os.cpu_count() < 2:
        print("page.two_thread_scaling: needs two CPUs", file=sys.stderr)
        return
    figures = bench.json("scaling")
    bench.add("page.two_thread_scaling", "ratio", figures["two_thread_scaling"],
              {"pages_scale": figures["pages_scaling"],
               "private_stack_scales": figures["stack_scaling"]})


def sizes(bench):
    figures = bench.json("sizes")
    bench.add("page.sizeof", "bytes", figures["sizeof"])
    for name in ("metadata_bytes_plain", "metadata_bytes"):
        bench.add("page." + name, "bytes/page", figures[name])


def boots(bench):
    for name, file in (("1tib", "1tib-8-nodes.toml"), ("16tib", "16tib.toml")):
        machine = os.path.join(SOURCE, "examples", "machines", file)
        runs = [bench.json("boot", machine) for _ in range(3)]
        best = sorted(runs, key=lambda run: run["seconds"])[1]
        bench.add(f"boot.{name}_seconds", "CPU seconds", best["seconds"])
        bench.add(f"boot.{name}_rss_mib", "MiB", max(run["rss_mib"] for run in runs))


def replay(bench):
    for stream in REPLAY_STREAMS:
        figure = float(bench.output("replay", "hits", stream))
        lru = float(bench.output("replay", "lru", stream))
        bench.add("replay.hits_per_second." + stream, "accesses/s", figure, {"list_and_hash": lru})
    replay_traces(bench)
    for name, stride in (("bytes_per_touched_page", "8"), ("bytes_per_touched_page_sparse", "512")):
        bench.add("replay." + name, "bytes", float(bench.output("replay", "bytes", stride)))


def replay_traces(bench):
    """What `make run` replays, with the start of the process and the boot of the machine."""
    examples = os.path.join(SOURCE, "examples")
    traces = [os.path.join(examples, "traces", name) for name in ("sqlite.qtr", "pipeline.qtr")]
    machine = os.path.join(examples, "machines", "two-small-nodes.toml")
    with tempfile.TemporaryDirectory() as directory:
        out = os.path.join(directory, "run.json")
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        tool = os.path.join(bench.build, "quire")
        subprocess.run([tool, "run", machine, *traces, "--copies", "4",
                        "--json", out], check=True, stdout=subprocess.DEVNULL, timeout=600)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        with open(out, encoding="utf-8") as file:
            figures = json.load(file)
    took = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    bench.add("replay.trace_accesses_per_second", "accesses/s", figures["accesses"] / took)
    bench.add("replay.trace_events_per_second", "accesses/s",
              figures["tlb"]["accesses"] / took)


def goal_text(name, value, peers):
    if name in malloc_figures.AHEAD + slab_figures.AHEAD:
        return "ahead" + ("" if value < min(peers.values()) else " MISSED")
    most, least = GOALS.get(name, (None, None))
    if most is not None:
        return f"<= {most}" + ("" if value <= most else " MISSED")
    if least is not None:
        return f">= {least}" + ("" if value >= least else " MISSED")
    return ""


def print_table(rows):
    lines = [("name", "value", "unit", "goal", "peers")]
    for row in rows:
        peers = ", ".join(f"{who} {figure:g}" for who, figure in row["peers"].items())
        lines.append((row["name"], f"{row['value']:g}", row["unit"],
                      goal_text(row["name"], row["value"], row["peers"]), peers))
    widths = [max(len(line[column]) for line in lines) for column in range(4)]
    for line in lines:
        print(f"{line[0]:<{widths[0]}}  {line[1]:>{widths[1]}}  {line[2]:<{widths[2]}}  "
              f"{line[3]:<{widths[3]}}  {line[4]}".rstrip())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build", help="where the bench_* programs are")
    parser.add_argument("--out", default="build/bench.json")
    arguments = parser.parse_args()
    bench = Bench(arguments.build)
    for measure in (instructions, tlb, vma, pagetable, vmalloc, process_figures.measure, times,
                    ratio, scaling, sizes, boots, replay, malloc_figures.measure,
                    record_figures.measure):
        measure(bench)
    print_table(bench.rows)
    with open(arguments.out, "w", encoding="utf-8") as file:
        json.dump(bench.rows, file, indent=2)
        file.write("\n")


if __name__ == "__main__":
    main()
