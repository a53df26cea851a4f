"""A script of random memory calls for mm_calls.c: python3 mm_script.py SEED STEPS"""
import random
import sys

seed, steps = int(sys.argv[1]), int(sys.argv[2])
r = random.Random(seed)
START, PAGES = 0x100000000000, 48
ADVICE = [0, 1, 2, 3, 4, 4, 4, 8, 10, 11, 16, 17, 18, 19, 22, 23, 24, 12, 13]
MAP_FLAGS = [0x32, 0x32, 0x32, 0x32, 0x4032, 0x2032, 0x8032, 0x100032, 0x132]


def page():
    return START + r.randrange(PAGES) * 4096


def length():
    return r.choice([1, 1, 1, 2, 2, 3, 4, 6]) * 4096


def prot():
    return r.choice([0, 1, 1, 3, 3, 3, 3, 5, 7])


print(f"# random calls, seed {seed}")
for i in range(steps):
    k = r.randrange(100)
    if k < 22:
        print(f"mmap {page():#x} {length():#x} {prot()} {r.choice(MAP_FLAGS):#x} -1 0")
    elif k < 26:
        print(f"mmap {r.choice([0, page()]):#x} {length():#x} {prot()} 0x22 -1 0")
    elif k < 34:
        print(f"munmap {page():#x} {length():#x}")
    elif k < 48:
        print(f"mprotect {page():#x} {length():#x} {prot()}")
    elif k < 62:
        print(f"{r.choice(['write', 'write', 'read'])} {page():#x}")
    elif k < 72:
        flags = r.choice([0, 1, 3, 3, 3])
        print(f"mremap {page():#x} {length():#x} {length():#x} {flags} {page():#x}")
    elif k < 75:
        same = length()
        print(f"mremap {page():#x} {same:#x} {same:#x} {r.choice([5, 7])} {page():#x}")
    elif k < 86:
        print(f"madvise {page():#x} {length():#x} {r.choice(ADVICE)}")
    elif k < 90:
        print(f"{r.choice(['mlock', 'munlock'])} {page():#x} {length():#x}")
    elif k < 92:
        print(f"mlock2 {page():#x} {length():#x} 1")
    elif k < 93:
        print(r.choice(["mlockall 1", "mlockall 2", "mlockall 3", "munlockall", "munlockall"]))
    elif k < 97:
        print(f"mincore {page():#x} {length():#x}")
    elif k < 99:
        print(f"msync {page():#x} {length():#x} {r.choice([1, 2, 4])}")
    elif steps > 300 and r.randrange(4) == 0:
        print("fork")
    if i % 40 == 39:
        print("maps")
print("maps")
