"""Functions of C and C++ files, as universal-ctags sees them: their length and parameters."""

import json
import re
import subprocess
from dataclasses import dataclass

# Annotations after a declarator, which ctags must skip: + means with their arguments.
ANNOTATIONS = ["CAPABILITY", "GUARDED_BY", "REQUIRES", "EXCLUDES", "ACQUIRE", "RELEASE",
               "TRY_ACQUIRE", "RETURN_CAPABILITY", "NO_THREAD_SAFETY_ANALYSIS", "SCOPED_CAPABILITY",
               "API"]

# Types that are one and the same on x86-64 Linux have one name here.
ARITHMETIC = {
    "bool": "bool", "char": "char", "float": "float", "double": "double",
    "signed char": "i8", "int8_t": "i8", "unsigned char": "u8", "uint8_t": "u8",
    "short": "i16", "int16_t": "i16", "unsigned short": "u16", "uint16_t": "u16",
    "int": "i32", "signed": "i32", "int32_t": "i32",
    "unsigned": "u32", "unsigned int": "u32", "uint32_t": "u32",
    "long": "i64", "long long": "i64", "int64_t": "i64", "ssize_t": "i64", "ptrdiff_t": "i64",
    "unsigned long": "u64", "unsigned long long": "u64", "uint64_t": "u64", "size_t": "u64",
    "uintptr_t": "u64",
}


@dataclass
class Function:
    path: str
    name: str
    line: int
    length: int | None  # lines, None for a declaration
    parameters: list[str]


def split_parameters(signature):
    """The parameters of "(int a, Map<K, V> b = f(1, 2)) const"."""
    depth, start, parameters = 0, 1, []
    for i, c in enumerate(signature):
        if c in "(<[{":
            depth += 1
        elif c in ")>]}" and signature[i - 1] != "-":
            depth -= 1
        if (c == "," and depth == 1) or (c == ")" and depth == 0):
            parameters.append(signature[start:i].strip())
            start = i + 1
        if depth == 0:
            break
    return [p for p in parameters if p and p != "void"]


def arithmetic_type(parameter):
    """The canonical arithmetic type of "const std::uint32_t& value = 3", or None."""
    declaration = parameter.split("=")[0]
    if re.search(r"[*\[(<{]", declaration):
        return None
    words = re.sub(r"\b(const|volatile|constexpr|std::|\[\[.*?\]\])|&|std::", " ", declaration)
    words = words.replace("::", " ").split()
    for end in (len(words), len(words) - 1):  # without and with a name at the end
        canonical = ARITHMETIC.get(" ".join(words[:end]))
        if canonical:
            return canonical
    return None


def functions_of(root, paths):
    if not paths:
        return []
    skip = ",".join(f"QUIRE_{name}+" for name in ANNOTATIONS)
    command = ["ctags", "--options=NONE", "--output-format=json", "--fields=+neSK",
               "--kinds-C++=fp", "--kinds-C=fp", "--map-C++=+.h", "-I", skip, "-f", "-", "-L", "-"]
    listed = subprocess.run(command, cwd=root, input="\n".join(paths), text=True,
                            capture_output=True, check=True).stdout
    found = []
    for tag in map(json.loads, listed.splitlines()):
        if tag.get("_type") != "tag" or "signature" not in tag:
            continue
        defined = tag["kind"] == "function" and "end" in tag
        length = tag["end"] - tag["line"] + 1 if defined else None
        name = "lambda" if tag["name"].startswith("__anon") else tag["name"]
        found.append(Function(tag["path"], name, tag["line"], length,
                              split_parameters(tag["signature"])))
    return found
