#!/usr/bin/env python3
"""Holds the tree to the rules of rules.py: prints each finding, exits 1 when there is any.

excuses.txt lists findings that are let pass, a line each: rule, path, what, then the reason
after " # ". The list may only shrink: an excuse that nothing needs is a finding too.
"""

import subprocess
import sys
from pathlib import Path

import rules

ROOT = Path(__file__).resolve().parents[2]
EXCUSES = "tests/shape/excuses.txt"
# Recorded from elsewhere: what they contain is not ours to choose.
RECORDED = ("tests/oracle/", "tests/fuzz/corpus/")


def committed_files(root):
    """Files git knows or would add; outside a checkout, every file but those of builds."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            cwd=root, capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        names = listed.stdout.split("\0")
    else:
        names = [str(p.relative_to(root)) for p in root.rglob("*")
                 if not p.relative_to(root).parts[0].startswith(("build", ".git"))
                 and "node_modules" not in p.parts]
    data = (".json", ".gz", ".bin", ".png", ".svg")
    return [n for n in names if n and (root / n).is_file()
            and not (n.startswith(RECORDED) and not n.endswith((".cpp", ".hpp")))
            and not n.endswith(data)]


def read_excuses(text):
    """{(rule, path, what)} of the lines "rule | path | what # reason"."""
    excuses = set()
    for line in text.splitlines():
        entry, _, reason = line.partition(" # ")
        if not entry.strip() or entry.startswith("#"):
            continue
        fields = tuple(field.strip() for field in entry.split("|"))
        if len(fields) != 3 or not reason.strip():
            raise ValueError(f"{EXCUSES}: expected 'rule | path | what # reason': {line}")
        excuses.add(fields)
    return excuses


def check(tree, excuses):
    """The findings that no excuse covers, and one for each excuse that covers none."""
    found = [finding for rule in rules.ALL for finding in rule(tree)]
    keys = {(f.rule, f.path, f.what) for f in found}
    left = [f for f in found if (f.rule, f.path, f.what) not in excuses]
    for rule, path, what in sorted(excuses - keys):
        left.append(rules.Finding("excuse", EXCUSES, what,
                                  f"not needed any more, remove it: {rule} | {path} | {what}"))
    return left


def main():
    tree = rules.Tree(ROOT, committed_files(ROOT))
    findings = check(tree, read_excuses((ROOT / EXCUSES).read_text()))
    for finding in findings:
        print(f"{finding.path}: {finding.rule}: {finding.message}")
    print(f"{len(tree.paths)} files, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
