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
  const Bytes size{std::uint64_t{1} << shift};
  const VirtRange entry{at.align_down(size), at.align_down(size) + size};
  if (stride_shift_ == 0) {
    range_ = entry;
    stride_shift_ = static_cast<std::uint8_t>(shift);
    return;
  }
  range_ = {min_of(range_.start, entry.start), max_of(range_.end, entry.end)};
  stride_shift_ = min_of(stride_shift_, static_cast<std::uint8_t>(shift));
}

void TlbGather::free_later(Page& page) {
  const PageIndex index = pages_.map().index_of(page);
  if (waiting_ == kMost || !remember(index)) {
    finish();
    remember(index);
  }
}

std::uint32_t TlbGather::room() const {
  const auto first = static_cast<std::uint32_t>(first_.size()) - first_count_;
  const std::uint32_t batch = batches_ == nullptr ? 0 : Batch::kPages - batches_->count;
  return min_of(first + batch, kMost - waiting_);
}

std::uint32_t TlbGather::make_room() {
  if (room() == 0 && (waiting_ == kMost || !add_batch())) finish();
  return room();
}

bool TlbGather::remember(PageIndex page) {
  if (first_count_ < first_.size()) {
    first_.data()[first_count_++] = page;
  } else {
    if ((batches_ == nullptr || batches_->count == Batch::kPages) && !add_batch()) return false;
    batches_->pages.data()[batches_->count++] = page;
  }
  ++waiting_;
  return true;
}

bool TlbGather::add_batch() {
  Page* const page = pages_.allocate(Gfp::kNoWait | Gfp::kNoWarn, Order{0});
  if (page == nullptr) return false;
  Batch* const batch = new (pages_.map().content_of(*page)) Batch;
  batch->next = batches_;
  batches_ = batch;
  return true;
}

void TlbGather::finish() {
  if (stride_shift_ != 0)
    tlb_.flush_range(mm_, {.range = range_, .stride_shift = stride_shift_});
  stride_shift_ = 0;
  free_waiting();
}

void TlbGather::free_waiting() {
  release_.release_all({first_.data(), first_count_});
  while (batches_ != nullptr) {
    Batch* const batch = batches_;
    batches_ = batch->next;
    release_.release_all({batch->pages.data(), batch->count});
    pages_.free_page(pages_.map().at(pages_.map().frames().index_at(batch)));
  }
  first_count_ = waiting_ = 0;
}

}  // namespace quire
