#include "pagetable/table_frames.hpp"

namespace quire {

Result<PageIndex> TableFrames::allocate(PageLevel level, bool counted) {
  PageIndex table = counted ? PageIndex::kNone : take_spare();
  if (table == PageIndex::kNone && pages_ == nullptr) {
    QUIRE_TRY_ASSIGN(early, take_early());
    table = early;
  } else if (table == PageIndex::kNone) {
    Page* const page =
        pages_->allocate_page(counted ? Gfp::kKernelAccount : Gfp::kKernel, Arch::current()->node);
    if (page == nullptr) return Errno::kNoMemory;
    table = map_.index_of(*page);
    if (counted) count(*page, 1);
  }
  Page& page = map_.at(table);
  page.set_word(PageWord(page.word.zone_bits(), Order{0}, PageKind::kPageTable));
  page.index_low = index_of(level);
  Arch::clear_page(content(table));
  return table;
}

Result<PageIndex> TableFrames::take_early() {
  if (early_.frames.empty()) return Errno::kNoMemory;
  Pfn frame = early_.frames.front();
  early_.frames = early_.frames.subspan(1);
  if (frame == DirectMap::kInBuffer) {
    frame = early_.buffer.front();
    early_.buffer = early_.buffer.subspan(1);
  }
  Page& page = *map_.page_of(frame);
  page.references = 1;
  page.mapping = kReservedFrame;
  return map_.index_of(page);
}

PageIndex TableFrames::take_spare() {
  const SpinGuard guard(lock_);
  const PageIndex table = spare_;
  if (table != PageIndex::kNone) spare_ = PageIndex{map_.at(table).next};
  return table;
}

void TableFrames::free(PageIndex table, bool counted) {
  Page& page = map_.at(table);
  page.mapcount = 0;
  page.index_low = 0;
  if (page.mapping == kReservedFrame) {
    const SpinGuard guard(lock_);
    page.next = raw(spare_);
    spare_ = table;
    return;
  }
  page.set_word(PageWord(page.word.zone_bits(), Order{0}, PageKind::kInUse));
  if (counted) count(page, -1);
  pages_->free_page(page);
}

void TableFrames::count(const Page& table, std::int64_t change) const {
  Node& node = pages_->nodes().node(pages_->nodes().zone_of(table.word).node);
  mod_node_state(Arch::current()->percpu, node, NodeItem::kNrPageTablePages, change);
}

}  // namespace quire
