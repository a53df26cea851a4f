// How reports tell of a page: by Linux's names and bit numbers, whatever the bits here are.
//
// Source  "BUG: Bad page state" reports of a running 6.1 (tests/oracle/recorder/README.md).
#pragma once

#include <cstdint>

#include "base/base.hpp"
#include "boot/boot.hpp"
#include "memmap/memmap.hpp"

namespace quire {

// Where Linux has the page's `struct page`: the name of a page in reports and traces.
std::uint64_t structure_address(Pfn pfn, ArchProfile arch);

// "0xfffffc0010001(locked|head|node=0|zone=1|lastcpupid=0x1fffff)"
void print_flags(Text& text, PageWord word, ArchProfile arch);

}  // namespace quire
