"""A script of random calls and touches for fault_steps.c: python3 fault_script.py SEED STEPS"""
import random
import sys

seed, steps = int(sys.argv[1]), int(sys.argv[2])
r = random.Random(seed)
START, PAGES, FILE = 0x10000000, 32, 24
forked = False


def page():
    return START + r.randrange(PAGES) * 4096


def pages():
    return r.choice([1, 1, 2, 3, 4, 6, 8])


def length():
    return f"{pages() * 4096:#x}"


def prot():
    return r.choice([0, 1, 1, 3, 3, 3, 3, 3])


def mmap():
    kind = r.randrange(10)
    extra = r.choice([0, 0, 0, 0x8000])
    if kind < 5:
        return f"mmap {page():#x} {length()} {prot()} {0x32 + extra:#x} -1 0"
    if kind < 7:
        return f"mmap {page():#x} {length()} {prot()} {0x31 + extra:#x} -1 0"
    flags = r.choice([0x11, 0x12]) + extra
    return f"mmap {page():#x} {length()} {prot()} {flags:#x} 0 {r.randrange(FILE - 6) * 4096:#x}"


def call():
    k = r.randrange(100)
    if k < 20:
        return mmap()
    if k < 24:
        return f"munmap {page():#x} {length()}"
    if k < 32:
        return f"mprotect {page():#x} {length()} {prot()}"
    if k < 72:
        return f"{r.choice(['r', 'w', 'w', 'rw'])} {page():#x} {pages()}"
    if k < 80:
        same = length()
        flags = r.choice([3, 3, 3, 5, 7])
        return f"mremap {page():#x} {same} {same} {flags} {page():#x}"
    if k < 90:
        return f"madvise {page():#x} {length()} {r.choice([4, 4, 4, 3, 22, 23])}"
    if k < 93:
        return f"{r.choice(['mlock', 'munlock', 'munlock'])} {page():#x} {length()}"
    if k < 95:
        return f"msync {page():#x} {length()} 4"
    if k < 97:
        return "fsync 0"
    return f"pages {START:#x} {PAGES}"


print(f"# random steps, seed {seed}")
print(f"file 0 {FILE}")
print(f"mmap {START:#x} {PAGES * 4096:#x} 3 0x32 -1 0")
for i in range(steps):
    by = "c " if forked and r.randrange(2) else ""
    print(by + call())
    if r.randrange(40) == 0:
        print("exit" if forked else "fork")
        forked = not forked
    if i % 25 == 24:
        for who in ["", "c "] if forked else [""]:
            print(f"{who}pages {START:#x} {PAGES}\n{who}maps")
if forked:
    print("exit")
