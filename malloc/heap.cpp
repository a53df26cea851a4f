#include "malloc/heap.hpp"

#include <cerrno>
#include <cstring>

#include "malloc/early.hpp"
#include "malloc/hot_path.hpp"

namespace quire::preload {
namespace {

// Nobody reclaims in this machine: there is nothing to wait for, and nothing to report.
constexpr Gfp kObject = Gfp::kKernel | Gfp::kNoWarn | Gfp::kNoRetry;
constexpr std::uint64_t kPauseNs = 10'000'000;

void* no_memory() {
  errno = ENOMEM;
  return nullptr;
}

}  // namespace

constinit Heap heap;

void* Heap::allocate(std::size_t size) {
  if (state_.load(std::memory_order_acquire) != State::kRunning && !start())
    return EarlyMemory::allocate(size);
  void* block = nullptr;
  if (size <= kLargestClass)
    block = allocate_object(class_of(size));
  else if (size <= PageBlocks::kMost)
    block = allocate_pages(size, {kPageSize.raw()});
  else
    block = allocate_mapped(size, {kPageSize.raw()});
  if (block != nullptr) [[likely]] return block;
  failures_.fetch_add(1, std::memory_order_relaxed);
  return no_memory();
}

void* Heap::allocate_aligned(std::size_t size, Alignment align) {
  if (align.bytes <= 16) return allocate(max_of(size, align.bytes));
  if (state_.load(std::memory_order_acquire) != State::kRunning && !start()) return no_memory();
  void* block = nullptr;
  const std::size_t index = aligned_class_of(size, align);
  if (index != kClasses)
    block = allocate_object(index);
  else if (size <= PageBlocks::kMost && align.bytes <= PageBlocks::kMost)
    block = allocate_pages(max_of<std::size_t>(size, 1), align);
  else
    block = allocate_mapped(size, align);
  if (block != nullptr) [[likely]] return block;
  failures_.fetch_add(1, std::memory_order_relaxed);
  return no_memory();
}

void* Heap::allocate_object(std::size_t index) {
  KmemCache& cache = *caches_[index];
  const Visit visit;
  const bool room = has_room_for(size_of(cache.layout().order.pages()).raw());
  // Without room for another slab there may be objects in those that there are.
  if (!room && cache.node(NodeId{0}).partial.empty_racy()) return nullptr;
  return cache.alloc(kObject);
}

void* Heap::allocate_pages(std::size_t size, Alignment align) {
  const Visit visit;
  if (!has_room_for(PageBlocks::footprint(size))) return nullptr;
  return page_blocks_->allocate(size, align);
}

void* Heap::allocate_mapped(std::size_t size, Alignment align) {
  {
    const Visit visit;
    if (!has_room_for(MappedBlocks::footprint(size, align))) return nullptr;
  }
  return mapped_.allocate(size, align);
}

void Heap::free(void* block) {
  if (block == nullptr || EarlyMemory::holds(block)) return;
  const PageIndex index =
      started() ? machine_->map().frames().index_at(block) : PageIndex::kNone;
  if (index == PageIndex::kNone)
    mapped_.free(block);
  else
    free_in_machine(block, index);
}

void Heap::free_in_machine(void* block, PageIndex index) {
  const Visit visit;
  Page& page = machine_->map().at(index);
  if (page_blocks_->is_block(page)) {
    page_blocks_->free(page);
  } else if (page.word.kind() == PageKind::kSlab) {
    cache_of(page).free(block);
  } else {
    host_.log("free(): invalid pointer");
    __builtin_trap();
  }
  look_after_free_pages();
}

KmemCache& Heap::cache_of(const Page& page) {
  std::byte* const area = machine_->cpus().front().percpu;
  return *percpu_at<CpuSlab>(area, SlabTag{page.mapping}.cpu_slab()).cache;
}

void* Heap::resize(void* block, std::size_t size) {
  const std::size_t old = usable_size(block);
  if (size <= old && size >= old / 2) return block;
  const bool mapped = !EarlyMemory::holds(block) &&
                      machine_->map().frames().index_at(block) == PageIndex::kNone;
  if (mapped && size > PageBlocks::kMost) {
    if (size > old) {
      const Visit visit;
      if (!has_room_for(size - old)) return no_memory();
    }
    void* const moved = mapped_.resize(block, size);
    return moved != nullptr ? moved : no_memory();
  }
  void* const moved = allocate(size);
  if (moved == nullptr) return nullptr;
  std::memcpy(moved, block, min_of(old, size));
  free(block);
  return moved;
}

std::size_t Heap::usable_size(const void* block) {
  if (EarlyMemory::holds(block)) return EarlyMemory::usable_size(block);
  const PageIndex index = machine_->map().frames().index_at(block);
  if (index == PageIndex::kNone) return MappedBlocks::usable_size(block);
  const Page& page = machine_->map().at(index);
  if (page_blocks_->is_block(page)) return PageBlocks::size_of_block(page);
  return cache_of(page).object_size().raw();
}

bool Heap::comes_cleared(const void* block) {
  return machine_->map().frames().index_at(block) == PageIndex::kNone;
}

// Whether `bytes` more stay within the limit, if need be after giving up what is kept at hand.
bool Heap::has_room_for(std::size_t bytes) {
  look_after_free_pages();
  if (settings_.limit == SIZE_MAX || fits(bytes)) [[likely]] return true;
  const std::uint64_t now = host_.now_ns();
  const std::uint64_t last = gave_up_at_ns_.load(std::memory_order_relaxed);
  if (now - last < kPauseNs) return false;
  gave_up_at_ns_.store(now, std::memory_order_relaxed);
  give_up_what_is_kept();
  return fits(bytes);
}

bool Heap::fits(std::size_t bytes) {
  const std::int64_t free =
      zone_state_snapshot(machine_->nodes(), *zone_, ZoneItem::kNrFreePages);
  const std::uint64_t used = zone_->managed_pages() - static_cast<std::uint64_t>(free);
  const std::size_t all = (used << kPageShift) + mapped_.bytes();
  return all <= settings_.limit && bytes <= settings_.limit - all;
}

void Heap::give_up_what_is_kept() {
  threads.empty_all();
  for (KmemCache* const cache : caches_) cache->shrink(/*cpus_keep_theirs=*/true);
  machine_->pages().drain_all();
}

// Sheaves in barns keep slabs from being free.
void Heap::look_after_free_pages() {
  if (!trimmer_->is_due(used_pages())) [[likely]] return;
  for (KmemCache* const cache : caches_) cache->shrink(/*cpus_keep_theirs=*/true);
  trimmer_->trim(*zone_, used_pages());
}

HeapFigures Heap::figures() {
  return {.page_bytes = used_pages() << kPageShift,
          .most_page_bytes = trimmer_->highest() << kPageShift,
          .given_back_bytes = trimmer_->given_back() << kPageShift,
          .mapped_bytes = mapped_.bytes(),
          .mapped_blocks = mapped_.count(),
          .limit = settings_.limit,
          .failures = failures_.load()};
}

bool Heap::trim() {
  if (!started()) return false;
  const Visit visit;
  give_up_what_is_kept();
  return trimmer_->trim_all(*zone_) != PageCount{};
}

}  // namespace quire::preload
