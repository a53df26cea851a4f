"""The rules of docs/STYLE.md that a program can hold. Each yields Finding objects."""

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cpp_functions import arithmetic_type, functions_of

HEADER_LINES, SOURCE_LINES, FUNCTION_LINES = 200, 400, 60
COLUMNS, PARAMETERS = 100, 4
HEADERS, SOURCES = (".hpp", ".h", ".inc"), (".cpp", ".c", ".S")
SCRIPTS = (".py", ".sh", ".cmake")

# Standard headers that need what a kernel does not have; core/ may not include them.
HOSTED_HEADERS = set("""
    algorithm_execution any barrier chrono codecvt condition_variable coroutine deque exception
    execution filesystem format forward_list fstream functional future iomanip ios iostream istream
    latch list locale map memory memory_resource mutex ostream print queue random ranges regex
    scoped_allocator semaphore set shared_mutex spanstream sstream stack stacktrace stdexcept
    stop_token streambuf string strstream syncstream system_error thread typeindex unordered_map
    unordered_set valarray vector stdio.h stdlib.h unistd.h pthread.h errno.h assert.h cstdio
    cstdlib cerrno cassert cmath""".split())

# Spelled in pieces, so that this file does not break its own rule.
UNFINISHED = re.compile(r"\b(TO" + "DO|FIX" + "ME|XX" + "X|HA" + r"CK)\b")
PERSONAL_PATH = re.compile(r"(?<![\w.$}/-])/(home|root|Users|wor" + r"k)/\w")


@dataclass(frozen=True)
class Finding:
    rule: str
    path: str
    what: str  # the function, line or include at fault: with rule and path, what an excuse names
    message: str


class Tree:
    """The files of a source tree that the rules look at."""

    def __init__(self, root, paths):
        self.root, self.paths = Path(root), sorted(paths)
        self.texts = {}

    def text(self, path):
        if path not in self.texts:
            self.texts[path] = (self.root / path).read_text(errors="replace")
        return self.texts[path]

    def lines(self, path):
        return self.text(path).splitlines()

    def of_kind(self, suffixes, folders=("",)):
        return [p for p in self.paths
                if p.endswith(suffixes) and p.startswith(tuple(folders))]


def core_folders(tree):
    """core/README.md's table: [(folder, exists)] in dependency order."""
    rows = re.findall(r"^\| `(\w+)/` \|.*\|([^|]*)\|$", tree.text("core/README.md"), re.M)
    return [(folder, state.strip() != "later") for folder, state in rows]


def core_includes(tree, path):
    """The folders' headers that a file includes: [(line, folder, rest)]."""
    known = {folder for folder, _ in core_folders(tree)}
    for number, line in enumerate(tree.lines(path), 1):
        match = re.match(r'\s*#\s*include\s+["<](\w+)/([^">]+)[">]', line)
        if match and match[1] in known:
            yield number, match[1], match[2]


def folder_list(tree):
    """core/README.md lists the folders that exist, and no other as existing."""
    present = {PurePosixPath(p).parts[1] for p in tree.of_kind(HEADERS + SOURCES, ["core/"])
               if len(PurePosixPath(p).parts) > 2}
    listed = dict(core_folders(tree))
    for folder in sorted(present | set(listed)):
        if folder not in listed:
            message = f"core/{folder}/ is not listed"
        elif listed[folder] and folder not in present:
            message = f"core/{folder}/ is listed but has no code: mark it later"
        elif not listed[folder] and folder in present:
            message = f"core/{folder}/ has code but is marked later"
        else:
            continue
        yield Finding("folder-list", "core/README.md", folder, message)


def folder_order(tree):
    """A folder of the core includes only from folders above it."""
    rank = {folder: i for i, (folder, _) in enumerate(core_folders(tree))}
    for path in tree.of_kind(HEADERS + SOURCES, ["core/"]):
        own = PurePosixPath(path).parts[1]
        for number, folder, rest in core_includes(tree, path):
            if own in rank and rank[folder] > rank[own]:
                yield Finding("folder-order", path, f"{folder}/{rest}",
                              f"line {number}: {own}/ stands below {folder}/")


def outward_header(tree):
    """From outside a folder, only <folder>/<folder>.hpp is included. Tests know their folder."""
    for path in tree.of_kind(HEADERS + SOURCES):
        parts = PurePosixPath(path).parts
        own = parts[1] if parts[0] in ("core", "tests") and len(parts) > 2 else None
        for number, folder, rest in core_includes(tree, path):
            if folder != own and rest != f"{folder}.hpp":
                yield Finding("outward-header", path, f"{folder}/{rest}",
                              f"line {number}: include {folder}/{folder}.hpp instead")


def freestanding(tree):
    """The core includes no header of a hosted library."""
    for path in tree.of_kind(HEADERS + SOURCES, ["core/"]):
        for number, line in enumerate(tree.lines(path), 1):
            match = re.match(r"\s*#\s*include\s+<([^>]+)>", line)
            if match and match[1] in HOSTED_HEADERS:
                yield Finding("freestanding", path, match[1], f"line {number}: <{match[1]}>")


def file_length(tree):
    for suffixes, most in ((HEADERS, HEADER_LINES), (SOURCES + SCRIPTS, SOURCE_LINES)):
        for path in tree.of_kind(suffixes):
            length = len(tree.lines(path))
            if length > most:
                yield Finding("file-length", path, "file", f"{length} lines, at most {most}")


def columns(tree):
    for path in tree.of_kind(HEADERS + SOURCES + SCRIPTS):
        for number, line in enumerate(tree.lines(path), 1):
            if len(line) > COLUMNS:
                yield Finding("columns", path, line.strip()[:40],
                              f"line {number}: {len(line)} columns, at most {COLUMNS}")


def function_shape(tree):
    """Length of functions, number of parameters, neighbours that could be swapped unseen."""
    for function in functions_of(tree.root, tree.of_kind(HEADERS + (".cpp", ".c"))):
        where = (function.path, function.name)
        at = f"line {function.line}: {function.name}"
        if function.length and function.length > FUNCTION_LINES:
            yield Finding("function-length", *where,
                          f"{at} has {function.length} lines, at most {FUNCTION_LINES}")
        if len(function.parameters) > PARAMETERS:
            yield Finding("parameters", *where,
                          f"{at} has {len(function.parameters)} parameters, at most {PARAMETERS}")
        types = [arithmetic_type(p) for p in function.parameters]
        for i in range(len(types) - 1):
            if types[i] and types[i] == types[i + 1]:
                yield Finding("adjacent-arithmetic", *where,
                              f"{at}: parameters {i + 1} and {i + 2} could be swapped unseen")


def unfinished(tree):
    for path in tree.of_kind(HEADERS + SOURCES + SCRIPTS + (".md", ".txt", ".toml")):
        for number, line in enumerate(tree.lines(path), 1):
            match = UNFINISHED.search(line)
            if match:
                yield Finding("unfinished", path, line.strip()[:40], f"line {number}: {match[1]}")


def personal_path(tree):
    """No path of somebody's own machine."""
    for path in tree.paths:
        for number, line in enumerate(tree.lines(path), 1):
            match = PERSONAL_PATH.search(line)
            if match:
                yield Finding("personal-path", path, line.strip()[:40],
                              f"line {number}: {match[0]}...")


ALL = [folder_list, folder_order, outward_header, freestanding, file_length, columns,
       function_shape, unfinished, personal_path]
