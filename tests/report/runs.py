"""The tool, and something small for it to run that has a bit of everything."""

import json
import os
import re
import subprocess
from pathlib import Path

QUIRE = os.environ["QUIRE"]
SOURCE = Path(__file__).resolve().parents[2]
EXAMPLE_MACHINE = SOURCE / "examples/machines/two-small-nodes.toml"

# The first name must not end what it lies in.
WORKLOADS = """
[[workload]]
name = "</script><b>"
pattern = "zipf"
memory = "8M"
accesses = 20000
write_percent = 40

[[workload]]
name = "scan"
pattern = "sequential"
memory = "8M"
file = "/srv/data"
write_percent = 50
shared = true
times = 8

[[workload]]
name = "shell"
pattern = "fork_storm"
memory = "2M"
children = 12
accesses = 300
write_percent = 60
"""


def written(path, text):
    path.write_text(text)
    return path


def quire(*arguments, status=0):
    done = subprocess.run([QUIRE, *map(str, arguments)], capture_output=True, text=True,
                          check=False)
    if done.returncode != status:
        raise AssertionError(f"status {done.returncode}, expected {status}: {done.stderr}")
    return done


def run_of_report(path):
    """The run that lies in a report, as a browser would read it."""
    data = re.search(r'<script type="application/json" id="run">(.*?)</script>', path.read_text(),
                     re.S)
    return json.loads(data[1])
