#include "percpu/percpu_frames.hpp"

namespace quire {

Result<void> PercpuFrames::init(Arena& arena) {
  const std::size_t slots = std::size_t{PercpuArea::kMorePages} * nodes_.cpu_count();
  QUIRE_TRY_ASSIGN(memory, arena.allocate(Bytes{slots * sizeof(PageIndex)}, NodeId{0}));
  frames_ = {reinterpret_cast<PageIndex*>(memory), slots};
  return {};
}

Result<void> PercpuFrames::populate(Wanted wanted) {
  const Gfp gfp = Gfp::kKernel | Gfp::kHighMemZone |
                  (wanted.spare ? Gfp::kNoRetry | Gfp::kNoWarn : Gfp{});
  const std::span<PageIndex> frames = frames_of(wanted.page);
  for (std::size_t cpu = 0; cpu < frames.size(); ++cpu) {
    const NodeId node = nodes_.node_of(CpuId{static_cast<std::uint16_t>(cpu)});
    Page* const frame = pages_.allocate(gfp, Order{0}, node);
    if (frame == nullptr) {
      depopulate(wanted.page);
      return Errno::kNoMemory;
    }
    frame->index_low = label(wanted.page, cpu);
    frames[cpu] = pages_.map().index_of(*frame);
  }
  return {};
}

void PercpuFrames::depopulate(PercpuPage page) {
  for (PageIndex& frame : frames_of(page)) {
    if (frame == PageIndex::kNone) continue;
    pages_.free(pages_.map().at(frame), Order{0});
    frame = PageIndex::kNone;
  }
}

Result<void> PercpuFrames::audit(Text& report) const {
  for (std::uint32_t page = 0; page < PercpuArea::kMorePages; ++page)
    QUIRE_TRY(audit_page(PercpuPage{page}, report));
  return {};
}

Result<void> PercpuFrames::audit_page(PercpuPage page, Text& report) const {
  const bool is_there = nodes_.percpu_areas().is_populated(page);
  const std::span<PageIndex> frames = frames_of(page);
  for (std::size_t cpu = 0; cpu < frames.size(); ++cpu) {
    const char* wrong = nullptr;
    if (!is_there) {
      if (frames[cpu] != PageIndex::kNone) wrong = "is not there, but has a frame";
    } else if (frames[cpu] == PageIndex::kNone) {
      wrong = "is there, but has no frame";
    } else {
      const Page& frame = pages_.map().at(frames[cpu]);
      if (frame.word.kind() != PageKind::kInUse || frame.refcount != 1 ||
          frame.index_low != label(page, cpu))
        wrong = "has a frame that is somebody else's";
    }
    if (wrong == nullptr) continue;
    report.str("per-CPU page ").dec(raw(page)).str(" of CPU ").dec(cpu).ch(' ').str(wrong).nl();
    return Errno::kFault;
  }
  return {};
}

}  // namespace quire
