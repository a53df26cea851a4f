// A trace as a test looks at it: its events, and what each process has mapped as they go by.
#pragma once

#include <gtest/gtest.h>

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

// The pages that processes may touch: what the calls of a trace have mapped.
class Shadow {
 public:
  // How many pages of `event` its process has not mapped.
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
    std::map<std::uint64_t, bool> pages;
    std::uint64_t heap = 0;
    std::uint64_t heap_end = 0;
  };
  static constexpr std::uint64_t kStackBytes = 8 << 20;

  static unsigned missing(const Memory& memory, const trace::Access& access) {
    unsigned missing = 0;
    for (std::uint64_t i = 0; i < access.pages; ++i)
      if (!memory.pages.contains(access.page + i * static_cast<std::uint64_t>(access.stride)))
        ++missing;
    return missing;
  }

  struct Range {
    std::uint64_t start = 0;
    std::uint64_t end = 0;
  };
  static void set(Memory& memory, Range bytes, bool mapped) {
    for (std::uint64_t page = bytes.start >> 12; page < (bytes.end + 4095) >> 12; ++page)
      if (mapped)
        memory.pages[page] = true;
      else
        memory.pages.erase(page);
  }

  static void change(Memory& memory, const trace::What& what) {
    if (const auto* exec = std::get_if<trace::Exec>(&what)) {
      memory = {};
      memory.heap = memory.heap_end = exec->brk_start;
    } else if (const auto* segment = std::get_if<trace::Segment>(&what)) {
      set(memory, {segment->address, segment->address + segment->memory_length}, true);
    } else if (const auto* stack = std::get_if<trace::Stack>(&what)) {
      set(memory, {stack->high - kStackBytes, stack->high}, true);
    } else if (const auto* map = std::get_if<trace::Mmap>(&what)) {
      set(memory, {map->address, map->address + map->length}, true);
    } else if (const auto* unmap = std::get_if<trace::Munmap>(&what)) {
      set(memory, {unmap->address, unmap->address + unmap->length}, false);
    } else if (const auto* move = std::get_if<trace::Mremap>(&what)) {
      set(memory, {move->address, move->address + move->length}, false);
      set(memory, {move->new_address, move->new_address + move->new_length}, true);
    } else if (const auto* brk = std::get_if<trace::Brk>(&what)) {
      set(memory, {memory.heap, memory.heap_end}, false);
      set(memory, {memory.heap, brk->end}, true);
      memory.heap_end = brk->end;
    }
  }

  std::map<trace::ProcessId, Memory> memories_;
};

}  // namespace quire::record
