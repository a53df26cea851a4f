// The frames behind further chunks of per-CPU memory: for each page that is there one of every CPU,
// from that CPU's node where it has one to spare.
//
// What per-CPU variables hold lies in the areas, one place for all that a CPU has, which the host
// made at boot (decision 24); frames are what it costs the machine.
//
// Ownership  A frame is in use with one reference; its `index_low` says which page of which CPU.
// Locking    As PercpuPages: one caller at a time, on a CPU of the machine, with no lock held.
// Errors     kNoMemory: some CPU gets no frame, and then none does.
#pragma once

#include <cstdint>
#include <span>

#include "base/base.hpp"
#include "host/host.hpp"
#include "memmap/memmap.hpp"
#include "page_alloc/page_alloc.hpp"
#include "percpu_area/percpu_area.hpp"
#include "zone/zone.hpp"

namespace quire {

class PercpuFrames final : public PercpuPages {
 public:
  PercpuFrames(PageAllocator& pages, const Nodes& nodes) : pages_(pages), nodes_(nodes) {}

  // Room to note frames. Errors: kNoMemory.
  Result<void> init(Arena& arena);

  Result<void> populate(Wanted wanted) override;
  void depopulate(PercpuPage page) override;

  // Whether just the pages that are there have frames, each its own. kFault, and what is wrong.
  Result<void> audit(Text& report) const;

 private:
  // One slot a CPU; zero without a frame.
  [[nodiscard]] std::span<PageIndex> frames_of(PercpuPage page) const {
    const std::size_t cpus = nodes_.cpu_count();
    return frames_.subspan(raw(page) * cpus, cpus);
  }
  [[nodiscard]] std::uint32_t label(PercpuPage page, std::size_t cpu) const {
    return raw(page) * nodes_.cpu_count() + static_cast<std::uint32_t>(cpu);
  }
  [[nodiscard]] Result<void> audit_page(PercpuPage page, Text& report) const;

  PageAllocator& pages_;
  const Nodes& nodes_;
  std::span<PageIndex> frames_;
};

}  // namespace quire
