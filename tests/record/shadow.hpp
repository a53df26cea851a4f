// A trace as a test looks at it: its events, and what each process has mapped as they go by.
#pragma once

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tools/trace/trace.hpp"

namespace quire::record {

inline std::vector<trace::Event> events_of(const std::string& path) {
  std::vector<trace::Event> events;
  auto reader = trace::open_trace(path);
  if (!reader) {
    ADD_FAILURE() << reader.error().text();
    return events;
  }
  for (;;) {
    const auto next = (*reader)->next();
    if (!next) ADD_FAILURE() << next.error().text();
    if (!next || *next == nullptr) return events;
    events.push_back(**next);
  }
}

// The pages that processes may touch, and how: what the calls of a trace have mapped.
class Shadow {
 public:
  // How many pages of `event` its process must not touch so.
  unsigned take(const trace::Event& event) {
    Memory& memory = memories_[event.process];
    if (const auto* access = std::get_if<trace::Access>(&event.what))
      return missing(memory, *access);
    if (const auto* fork = std::get_if<trace::Fork>(&event.what)) {
      const Memory copy = memory;
      memories_[fork->child] = copy;
    } else {
      change(memory, event.what);
    }
    return 0;
  }

 private:
  struct Memory {
    std::map<std::uint64_t, std::uint32_t> pages;  // rights, as PROT_ flags
    std::uint64_t heap_end = 0;
  };
  static constexpr std::uint64_t kStackBytes = 8 << 20;
  static constexpr std::uint32_t kUsual = PROT_READ | PROT_WRITE;

  static unsigned missing(const Memory& memory, const trace::Access& access) {
    // A right to write is one to read, and on x86-64 so is one to execute.
    const std::uint32_t rights[] = {PROT_READ | PROT_WRITE | PROT_EXEC, PROT_WRITE, PROT_EXEC};
    unsigned missing = 0;
    for (std::uint64_t i = 0; i < access.pages; ++i) {
      const auto page =
          memory.pages.find(access.page + i * static_cast<std::uint64_t>(access.stride));
      if (page == memory.pages.end() ||
          (page->second & rights[static_cast<unsigned>(access.touch)]) == 0)
        ++missing;
    }
    return missing;
  }

  struct Range {
    std::uint64_t start = 0;
    std::uint64_t end = 0;
  };
  static void map(Memory& memory, Range bytes, std::uint32_t rights) {
    for (std::uint64_t page = bytes.start >> 12; page < (bytes.end + 4095) >> 12; ++page)
      memory.pages[page] = rights;
  }
  static void unmap(Memory& memory, Range bytes) {
    memory.pages.erase(memory.pages.lower_bound(bytes.start >> 12),
                       memory.pages.lower_bound((bytes.end + 4095) >> 12));
  }

  static void change(Memory& memory, const trace::What& what) {
    if (const auto* exec = std::get_if<trace::Exec>(&what)) {
      memory = {};
      memory.heap_end = (exec->brk_start + 4095) & ~std::uint64_t{4095};
    } else if (const auto* segment = std::get_if<trace::Segment>(&what)) {
      map(memory, {segment->address, segment->address + segment->memory_length},
          segment->protection);
    } else if (const auto* stack = std::get_if<trace::Stack>(&what)) {
      map(memory, {stack->high - kStackBytes, stack->high}, kUsual);
    } else if (const auto* mapped = std::get_if<trace::Mmap>(&what)) {
      map(memory, {mapped->address, mapped->address + mapped->length}, mapped->protection);
    } else if (const auto* gone = std::get_if<trace::Munmap>(&what)) {
      unmap(memory, {gone->address, gone->address + gone->length});
    } else if (const auto* protect = std::get_if<trace::Mprotect>(&what)) {
      map(memory, {protect->address, protect->address + protect->length}, protect->protection);
    } else if (const auto* move = std::get_if<trace::Mremap>(&what)) {
      const auto page = memory.pages.find(move->address >> 12);
      const std::uint32_t rights = page == memory.pages.end() ? kUsual : page->second;
      unmap(memory, {move->address, move->address + move->length});
      map(memory, {move->new_address, move->new_address + move->new_length}, rights);
    } else if (const auto* brk = std::get_if<trace::Brk>(&what)) {
      const std::uint64_t end = (brk->end + 4095) & ~std::uint64_t{4095};
      if (end < memory.heap_end) unmap(memory, {end, memory.heap_end});
      map(memory, {memory.heap_end, end}, kUsual);
      memory.heap_end = end;
    }
  }

  std::map<trace::ProcessId, Memory> memories_;
};

}  // namespace quire::record
