"""GDB pretty-printers for Quire's types.

    (gdb) source gdb/quire_printers.py
    (gdb) print pfn                       pfn 0x1234
    (gdb) print page                      free block of order 3, zone 1, movable
    (gdb) set var $quire_map = &map       the MemoryMap that links are indices into
    (gdb) print list                      pages #5 (pfn 0x1005), #6 (pfn 0x1006)

Pages on a list are linked by indices, so a list is only walked once $quire_map is set.
"""

import gdb
import gdb.printing

PAGES_PER_SECTION = 1 << 15
NO_NODE = 0xffff
KINDS = {
    "kInterior": "inside a block, or untouched", "kBuddy": "free block", 
    "kInUse": "block in use", "kCompound": "compound page", "kSlab": "slab",
    "kPageTable": "page table", "kReserved": "reserved",
}


def words(enumerator):
    """A gdb value of an enumeration as words: kHighAtomic -> "high atomic"."""
    name = str(enumerator).rpartition("::")[2]
    spaced = "".join(" " + c.lower() if c.isupper() else c for c in name[1:])
    return spaced.strip() if name.startswith("k") else name


class Quantity:
    """Distance and Point: one integer, whose unit is the tag of its type."""

    FORMATS = {"BytesTag": "{} B", "PageCountTag": "{} pages", "PhysAddrTag": "phys {:#x}",
               "VirtAddrTag": "virt {:#x}", "PfnTag": "pfn {:#x}"}

    def __init__(self, value):
        self.value = value

    def to_string(self):
        tag = str(self.value.type.strip_typedefs().template_argument(0)).rpartition("::")[2]
        return self.FORMATS.get(tag, tag + " {}").format(int(self.value["raw_"]))


class Range:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        start, end = (Quantity(self.value[side]).to_string() for side in ("start", "end"))
        return f"[{start}, {end})"


class Order:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        return f"order {int(self.value['raw_'])}"


class Id:
    """NodeId, CpuId, PageIndex and SectionId: enumerations used as numbers."""

    NAMES = {"NodeId": "node ", "CpuId": "cpu ", "PageIndex": "#", "SectionId": "section "}

    def __init__(self, value):
        self.value = value

    def to_string(self):
        kind = self.value.type.strip_typedefs().name.rpartition("::")[2]
        number = int(self.value)
        if (kind, number) in (("NodeId", NO_NODE), ("PageIndex", 0)):
            return "no " + ("node" if kind == "NodeId" else "page")
        return f"{self.NAMES[kind]}{number}"


class PageWord:
    """The fields are read with PageWord's own constants, so the layout may change."""

    def __init__(self, value):
        self.raw = int(value["raw_"])
        self.scope = value.type.strip_typedefs().unqualified().name

    def constant(self, name):
        return int(gdb.parse_and_eval(f"'{self.scope}::{name}'"))

    def field(self, name):
        return (self.raw & self.constant(f"k{name}Mask")) >> self.constant(f"k{name}Shift")

    def enumerator(self, name, number):
        return gdb.Value(number).cast(gdb.lookup_type(f"quire::{name}"))

    def kind(self):
        return str(self.enumerator("PageKind", self.field("Kind"))).rpartition("::")[2]

    def flags(self):
        bits = (1 << i for i in range(self.constant("kKindShift")) if self.raw >> i & 1)
        return [words(self.enumerator("PageFlag", bit)) for bit in bits]

    def to_string(self):
        kind = self.kind()
        text = KINDS.get(kind, kind)
        if kind not in ("kInterior", "kReserved"):
            text += f" of order {self.field('Order')}"
        return ", ".join([text, f"zone {self.raw >> self.constant('kZoneShift')}"] + self.flags())


class Page:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        word = PageWord(self.value["word"])
        text = word.to_string()
        if word.kind() in ("kBuddy",):
            return f"{text}, {words(self.value['list_type'])}"
        return f"{text}, refcount {int(self.value['refcount'])}"


class PageList:
    def __init__(self, value):
        self.value = value
        chosen = gdb.convenience_variable("quire_map")
        self.map = chosen.dereference() if chosen is not None else None

    def to_string(self):
        head, tail = int(self.value["head_"]), int(self.value["tail_"])
        if head == 0:
            return "no pages"
        if self.map is None:
            return f"pages #{head} to #{tail} (set $quire_map to see them)"
        return "pages"

    def pfn(self, index):
        sections = self.map["places_"]["_M_ptr"]
        section = int(sections[index // PAGES_PER_SECTION]["section"])
        return section * PAGES_PER_SECTION + index % PAGES_PER_SECTION

    def children(self):
        if self.map is None:
            return
        index, before, count = int(self.value["head_"]), 0, 0
        while index != 0:
            page = self.map["pages_"][index]
            if int(page["prev"]) != before:
                yield str(count), f"#{index}: broken, its prev is #{int(page['prev'])}"
                return
            yield str(count), f"#{index} (pfn {self.pfn(index):#x})"
            index, before, count = int(page["next"]), index, count + 1

    def display_hint(self):
        return "array"


def printers():
    collection = gdb.printing.RegexpCollectionPrettyPrinter("quire")
    for name, pattern, printer in (
            ("quantity", r"^quire::(Distance|Point)<", Quantity),
            ("range", r"^quire::Range<", Range),
            ("order", r"^quire::Order$", Order),
            ("id", r"^quire::(NodeId|CpuId|PageIndex|SectionId)$", Id),
            ("page word", r"^quire::PageWord$", PageWord),
            ("page", r"^quire::Page$", Page),
            ("page list", r"^quire::PageList$", PageList)):
        collection.add_printer(name, pattern, printer)
    return collection


gdb.printing.register_pretty_printer(gdb.current_objfile(), printers(), replace=True)
