// Windows onto pages of high memory that stay until they are given back: one table of entries (512
// with PAE, else 1,024), shared by all CPUs, each with a count of users. A page has at most one
// window, which a hash of pages finds (page->virtual).
//
// Life      A window whose last user has gone stays, in case the page is wanted again; CPUs may
//           still have it cached. When the search for a free one comes round, all unused windows
//           are cleared and flushed at once.
// Locking   lock_ guards everything, down to the flush.
// Errors    map() waits for a window when all are in use: its callers may sleep and hold no
//           spinlock. unmap(): kInvalid for a page that has no user.
// Source    Documentation/mm/highmem.rst.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "base/base.hpp"
#include "host/host.hpp"
#include "memmap/memmap.hpp"
#include "pagetable/pagetable.hpp"

namespace quire {

class PermanentKmap {
 public:
  struct Parts {
    Host& host;
    const MemoryMap& map;
    PageTables& tables;
    VirtRange range;  // whole tables; empty without high memory
  };
  explicit PermanentKmap(const Parts& parts) : parts_(parts) {}
  Result<void> init(Arena& arena);

  [[nodiscard]] std::uint32_t size() const {
    return static_cast<std::uint32_t>(whole_pages(parts_.range.length()).raw());
  }
  VirtAddr map(PageIndex page) QUIRE_EXCLUDES(lock_);
  Result<void> unmap(PageIndex page) QUIRE_EXCLUDES(lock_);
  // The page's window, if it has one: it may have no user any more.
  [[nodiscard]] std::optional<VirtAddr> find(PageIndex page) QUIRE_EXCLUDES(lock_);
  // Clears and flushes all windows without a user (kmap_flush_unused).
  void flush_unused() QUIRE_EXCLUDES(lock_);

  // Each window maps the page that the hash has for it, and no other is mapped.
  Result<void> audit(Text& report) QUIRE_EXCLUDES(lock_);

 private:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};
  static constexpr unsigned kBuckets = 128;

  struct Window {
    PageIndex page{};         // kNone: the entry is clear and flushed everywhere
    std::uint32_t users = 0;
    std::uint32_t next = kNone;  // of its bucket
  };

  [[nodiscard]] VirtAddr address_of(std::uint32_t window) const {
    return parts_.range.start + kPageSize * window;
  }
  static constexpr unsigned bucket_of(PageIndex page) {
    return (raw(page) * 0x9e370001u) >> 25;
  }
  [[nodiscard]] std::uint32_t look_up_locked(PageIndex page) const QUIRE_REQUIRES(lock_);
  [[nodiscard]] std::uint32_t take_free_locked() QUIRE_REQUIRES(lock_);
  void open_locked(std::uint32_t window, PageIndex page) QUIRE_REQUIRES(lock_);
  void close_locked(std::uint32_t window) QUIRE_REQUIRES(lock_);
  void flush_unused_locked() QUIRE_REQUIRES(lock_);
  std::optional<VirtAddr> try_map(PageIndex page) QUIRE_EXCLUDES(lock_);

  const Parts parts_;
  SpinLock lock_{LockRank::kVmap};
  std::span<Window> windows_ QUIRE_GUARDED_BY(lock_);
  std::array<std::uint32_t, kBuckets> buckets_ QUIRE_GUARDED_BY(lock_);
  std::uint32_t last_ QUIRE_GUARDED_BY(lock_) = 0;  // the window that was given out last
};

}  // namespace quire
