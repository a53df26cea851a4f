#include "pagetable/table_frames.hpp"

namespace quire {

Result<PageIndex> TableFrames::allocate(PageLevel level, bool counted) {
  Page* page = nullptr;
  if (pages_ == nullptr) {
    QUIRE_TRY_ASSIGN(early, allocate_early());
    page = &map_.at(early);
  } else {
    page =
        pages_->allocate_page(counted ? Gfp::kKernelAccount : Gfp::kKernel, Arch::current()->node);
    if (page == nullptr) return Errno::kNoMemory;
    if (counted) count(*page, 1);
  }
  page->set_word(PageWord(page->word.zone_bits(), Order{0}, PageKind::kPageTable));
  page->index_low = index_of(level);
  Arch::clear_page(map_.frames().content(map_.index_of(*page)));
  return map_.index_of(*page);
}

Result<PageIndex> TableFrames::allocate_early() {
  if (early_.empty()) return Errno::kNoMemory;
  Page& page = *map_.page_of(early_.front());
  early_ = early_.subspan(1);
  page.references = 1;
  return map_.index_of(page);
}

void TableFrames::free(PageIndex table, bool counted) {
  Page& page = map_.at(table);
  page.mapcount = 0;
  page.index_low = 0;
  page.set_word(PageWord(page.word.zone_bits(), Order{0}, PageKind::kInUse));
  if (counted) count(page, -1);
  pages_->free_page(page);
}

void TableFrames::count(const Page& table, std::int64_t change) const {
  Node& node = pages_->nodes().node(pages_->nodes().zone_of(table.word).node);
  mod_node_state(Arch::current()->percpu, node, NodeItem::kNrPageTablePages, change);
}

}  // namespace quire
