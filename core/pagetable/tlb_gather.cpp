#include "pagetable/tlb_gather.hpp"

#include <new>

namespace quire {

TlbGather::TlbGather(Tlb& tlb, TlbMm& mm, PageAllocator& pages, PageRelease& release)
    : tlb_(tlb), mm_(mm), pages_(pages), release_(release) {
  mm_.begin_gather();
}

TlbGather::~TlbGather() {
  finish();
  mm_.end_gather();
}

void TlbGather::cleared(VirtAddr at, unsigned shift) {
  const VirtAddr start = at.align_down(Bytes{std::uint64_t{1} << shift});
  cleared({start, start + Bytes{std::uint64_t{1} << shift}}, shift);
}

void TlbGather::cleared(VirtRange entries, unsigned shift) {
  if (stride_shift_ == 0) {
    range_ = entries;
    stride_shift_ = static_cast<std::uint8_t>(shift);
    return;
  }
  range_ = {min_of(range_.start, entries.start), max_of(range_.end, entries.end)};
  stride_shift_ = min_of(stride_shift_, static_cast<std::uint8_t>(shift));
}

void TlbGather::find_room() {
  if (given_ == kMost || !add_batch()) finish();
}

bool TlbGather::add_batch() {
  Page* const page = pages_.allocate(Gfp::kNoWait | Gfp::kNoWarn, Order{0});
  if (page == nullptr) return false;
  Batch* const batch = new (pages_.map().content_of(*page)) Batch;
  if (batches_ != nullptr) batches_->count = Batch::kPages;
  batch->next = batches_;
  batches_ = batch;
  next_ = batch->pages.data();
  room_ = min_of(Batch::kPages, kMost - given_);
  given_ += room_;
  return true;
}

void TlbGather::finish() {
  if (stride_shift_ != 0)
    tlb_.flush_range(mm_, {.range = range_, .stride_shift = stride_shift_});
  stride_shift_ = 0;
  if (next_ != first_.data()) release_waiting();
}

void TlbGather::release_waiting() {
  const PageIndex* const end = batches_ == nullptr ? next_ : first_.data() + kFirst;
  release_.release_all({first_.data(), end});
  if (batches_ != nullptr)
    batches_->count = static_cast<std::uint32_t>(next_ - batches_->pages.data());
  while (batches_ != nullptr) {
    Batch* const batch = batches_;
    batches_ = batch->next;
    release_.release_all({batch->pages.data(), batch->count});
    pages_.free_page(pages_.map().at(pages_.map().frames().index_at(batch)));
  }
  next_ = first_.data();
  room_ = given_ = kFirst;
}

}  // namespace quire
