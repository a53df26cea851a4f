"""What `quire run` writes: the report's page, JSON and SQLite, held against each other."""

import hashlib
import json
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from runs import EXAMPLE_MACHINE, QUIRE, SOURCE, WORKLOADS, quire, run_of_report, written


class Outputs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="quire-report-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.workload = written(cls.folder / "mixed.toml", WORKLOADS)
        cls.outputs = cls.write("once")
        cls.run_told = json.loads(cls.outputs["json"].read_text())

    @classmethod
    def write(cls, name, seed=7):
        outputs = {kind: cls.folder / f"{name}.{kind}" for kind in ("html", "json", "db")}
        quire("run", EXAMPLE_MACHINE, cls.workload, "--seed", seed, "--quiet", "--report",
              outputs["html"], "--json", outputs["json"], "--sqlite", outputs["db"])
        return outputs

    def test_the_same_seed_gives_the_same_bytes_and_another_others(self):
        again, other = self.write("again"), self.write("other", seed=8)
        for kind in ("html", "json"):
            self.assertEqual(self.outputs[kind].read_bytes(), again[kind].read_bytes())
            self.assertNotEqual(self.outputs[kind].read_bytes(), other[kind].read_bytes())

    def test_the_page_holds_the_json_and_no_name_ends_its_element(self):
        self.assertEqual(run_of_report(self.outputs["html"]), self.run_told)
        names = [process["name"] for process in self.run_told["processes"]]
        self.assertIn("</script><b>", names)

    def test_pictures_have_each_block_once(self):
        physical = self.run_told["physical"]
        blocks = sum(count for _, count in physical["stretches"])
        self.assertGreater(len(physical["pictures"]), 4)
        for picture in physical["pictures"]:
            runs = picture["runs"].split()
            self.assertEqual(sum(int(run[:-2] or 1) for run in runs), blocks)
            self.assertTrue(all(run[-2] in physical["legend"] for run in runs))
            # What nothing is in is free, and nothing else is.
            self.assertTrue(all((run[-2] == ".") == (run[-1] == "0") for run in runs))

    def test_the_database_has_the_figures_of_the_json(self):
        told, database = self.run_told, sqlite3.connect(self.outputs["db"])
        self.addCleanup(database.close)

        def rows(query):
            return database.execute(query).fetchall()

        self.assertEqual(dict(rows("select key, value from run"))["time_ns"], told["time_ns"])
        self.assertEqual(dict(rows("select kind, faults from fault")), told["faults"])
        self.assertEqual(
            rows("select node, name, managed, low from zone order by number"),
            [(z["node"], z["zone"], z["managed"], z["low"]) for z in told["zones"]])
        self.assertEqual(
            rows("select pid, name, state, minor_faults, peak_resident from process"
                 " order by number"),
            [(p["pid"], p["name"], p["state"], p["minor_faults"], p["peak_resident"])
             for p in told["processes"]])
        self.assertEqual(
            rows("select kind, faults from process_fault where process = 0"),
            [(k, n) for k, n in told["processes"][0]["faults"].items() if n])
        for plot in ("free", "faults", "memory", "tlb", "resident"):
            for series in told["samples"][plot]:
                values = [value for value, in database.execute(
                    "select value from sample where plot = ? and series = ? order by time_ns",
                    (plot, series["name"]))]
                self.assertEqual(values, series["values"], series["name"])
        in_use = [picture["time_ns"] for picture in told["physical"]["pictures"]
                  if any(run[-1] != "0" for run in picture["runs"].split())]
        self.assertEqual([t for t, in rows("select distinct time_ns from picture order by 1")],
                         in_use)

    def test_what_cannot_be_written_is_told(self):
        for option in ("--report", "--json", "--sqlite"):
            failed = quire("run", EXAMPLE_MACHINE, self.workload, "--quiet", option,
                           self.folder / "nowhere" / "out", status=1)
            self.assertIn("nowhere/out: ", failed.stderr)

    def test_a_report_that_finds_no_room_is_told_and_leaves_no_part(self):
        report = self.folder / "full.html"
        command = [QUIRE, "run", EXAMPLE_MACHINE, self.workload, "--quiet", "--report", report]
        # Python ignores SIGXFSZ, and so does what it starts.
        failed = subprocess.run(command, capture_output=True, text=True, check=False,
                                restore_signals=False, preexec_fn=lambda: resource.setrlimit(
                                    resource.RLIMIT_FSIZE, (4096, 4096)))
        self.assertEqual(failed.returncode, 1)
        self.assertEqual(failed.stderr, f"quire: {report}: cannot be written: File too large\n")
        self.assertFalse(report.exists())

    def test_a_recording_does_not_run_on_a_machine_of_32_bits_and_that_is_told(self):
        failed = quire("run", SOURCE / "examples/machines/highmem-2g-flat.toml",
                       SOURCE / "examples/traces/sqlite.qtr", status=1)
        self.assertIn("sqlite.qtr: a recording of a 64-bit program needs a 64-bit machine",
                      failed.stderr)

    def test_a_missing_page_is_told_before_the_run(self):
        alone = self.folder / "alone"
        alone.mkdir()
        tool = shutil.copy(QUIRE, alone / "quire")
        command = [tool, "run", EXAMPLE_MACHINE, self.workload, "--report", self.folder / "x.html"]
        failed = subprocess.run(command, capture_output=True, text=True, check=False)
        self.assertEqual((failed.returncode, failed.stdout), (1, ""))
        self.assertIn("no report_page.html in", failed.stderr)
        written(alone / "report_page.html", "<p>")
        failed = subprocess.run(command, capture_output=True, text=True, check=False)
        self.assertEqual(failed.returncode, 1)
        self.assertIn("report_page.html: the page has no place for a run", failed.stderr)
        self.assertFalse(os.path.exists(self.folder / "x.html"))


# What ShippedRecordings finds, as sha256sum(1) writes it.
SUMS = SOURCE / "tests/report/sums.txt"


def sums_of_shipped_recordings(folder, alter_surroundings=lambda: None):
    """Of the JSON, and of what the SQLite file holds, by name. Paths are part of both."""
    command = [Path(QUIRE).resolve(), "run", "examples/machines/numa2.toml",
               "examples/traces/sqlite.qtr@3", "examples/traces/pipeline.qtr",
               "examples/workloads/mixed.toml", "--seed", "5", "--until", "1s", "--quiet",
               "--json", folder / "run.json", "--sqlite", folder / "run.db"]
    subprocess.run(command, cwd=SOURCE, check=True, preexec_fn=alter_surroundings)
    with sqlite3.connect(folder / "run.db") as database:
        dump = "\n".join(database.iterdump()).encode()
    contents = {"run.json": (folder / "run.json").read_bytes(), "run.sql": dump}
    return "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n"
                   for name, content in contents.items())


class ShippedRecordings(unittest.TestCase):
    """They come to the same bytes on every machine: this holds each to it. A change of what is
    simulated (the core, costs, translation caches, the recordings) changes them, and then
        QUIRE=build/quire python3 tests/report/test_outputs.py --renew
    writes them anew; nothing else may."""

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="quire-sums-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def test_come_to_the_bytes_that_they_always_came_to(self):
        self.assertEqual(sums_of_shipped_recordings(self.folder), SUMS.read_text())

    def test_come_to_them_in_other_surroundings(self):
        def alter():
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
            os.environ.update(LC_ALL="de_DE.UTF-8", TZ="Asia/Kathmandu", HOME="/nowhere",
                              MALLOC_PERTURB_="85")

        self.assertEqual(sums_of_shipped_recordings(self.folder, alter), SUMS.read_text())


class BuildingThePage(unittest.TestCase):
    """scripts/build_report.sh on a copy of report/ without packages, with an npm that fails at one
    step."""

    def build(self, failing_step):
        folder = Path(tempfile.mkdtemp(prefix="quire-build-report-"))
        self.addCleanup(shutil.rmtree, folder)
        for name in ("scripts", "report", "tools", "built"):
            (folder / name).mkdir()
        shutil.copy(SOURCE / "scripts" / "build_report.sh", folder / "scripts")
        shutil.copy(SOURCE / "report" / "package-lock.json", folder / "report")
        npm = folder / "tools" / "npm"
        npm.write_text('#!/bin/sh\ncase "$*" in *' + failing_step + '*) echo it went wrong >&2\n'
                       'exit 3 ;; *build*) mkdir -p "$QUIRE_REPORT_DIR"\n'
                       'echo page >"$QUIRE_REPORT_DIR/index.html" ;; esac\n')
        npm.chmod(0o755)
        path = f"{folder / 'tools'}:{os.environ['PATH']}"
        done = subprocess.run([folder / "scripts" / "build_report.sh", folder / "built"],
                              env={**os.environ, "PATH": path}, capture_output=True, text=True,
                              check=False)
        return done, (folder / "built" / "report_page.html").exists()

    def test_a_step_that_fails_fails_the_build_and_says_why(self):
        for step in ("ci", "check", "build"):
            done, made = self.build(step)
            self.assertNotEqual(done.returncode, 0, step)
            self.assertIn("it went wrong", done.stderr, step)
            self.assertFalse(made, step)

    def test_with_all_of_its_steps_done_there_is_a_page(self):
        done, made = self.build("none")
        self.assertEqual((done.returncode, made), (0, True), done.stderr)


def renew():
    with tempfile.TemporaryDirectory() as folder:
        SUMS.write_text(sums_of_shipped_recordings(Path(folder)))


if __name__ == "__main__":
    sys.exit(renew() if sys.argv[1:] == ["--renew"] else unittest.main())
