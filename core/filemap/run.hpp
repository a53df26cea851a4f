// Pages that follow one another, collected for one request to a BlockFile.
#pragma once

#include <array>

#include "filemap/page_cache.hpp"

namespace quire {

struct PageCache::Run {
  enum class Way : bool { kRead, kWrite };

  PageCache& cache;
  Mapping& mapping;
  Way way;
  std::uint64_t first = 0;
  std::uint32_t count = 0;
  std::array<Page*, kRunPages> pages{};

  // With a reference, which goes when the run is submitted.
  void add(Page& page) {
    const std::uint64_t index = offset_of(page);
    if (count == kRunPages || (count != 0 && index != first + count)) submit();
    if (count == 0) first = index;
    pages.data()[count++] = &page;
  }
  void submit() {
    if (count == 0) return;
    const PageRun run{mapping, first, {pages.data(), count}, mapping.size()};
    constexpr std::uint64_t kKib = kPageSize.raw() / 1024;
    const VmEvent event = way == Way::kRead ? VmEvent::kPgpgin : VmEvent::kPgpgout;
    count_event(Arch::current()->percpu, event, count * kKib);
    if (way == Way::kRead)
      mapping.file()->read(cache, run);
    else
      mapping.file()->write(cache, run);
    for (Page* const page : run.pages) cache.parts_.lru.put(*page);
    count = 0;
  }
};

}  // namespace quire
