// Per-CPU memory: an area for each CPU, all laid out alike, so that what has one offset lies there
// for every CPU. An area begins with what lower floors keep for each CPU (static). The rest of the
// first chunk, and further chunks behind it, are handed out and taken back while the machine runs.
//
// Units      Offsets are bytes from the start of an area (CpuContext::percpu of its CPU).
// Ownership  Areas come from the arena, near their CPU's node, and stay. Pages of further chunks
//            are there only while something lies in them: whoever is behind PercpuPages takes
//            frames for them.
// Locking    init() and set_pages() while one CPU boots. Calls take a lock of their own; those that
//            may need pages are made with no lock held.
// Errors     kInvalid: no size, too large, an alignment beyond a page, or nothing begins at what is
//            freed. kNoMemory: no room, or no frames.
// Source     Linux's slots, units and its two to four spare pages, as its boot log and
//            Documentation/core-api/this_cpu_ops.rst show them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/base.hpp"
#include "host/host.hpp"
#include "percpu_area/chunk.hpp"

namespace quire {

enum class PercpuOffset : std::uint32_t {};
constexpr std::uint32_t raw(PercpuOffset offset) { return static_cast<std::uint32_t>(offset); }

// The part of a per-CPU area that lies at `offset`.
template <class T>
T& percpu_at(std::byte* area, std::uint32_t offset) {
  return *reinterpret_cast<T*>(area + offset);
}
template <class T>
T& percpu_at(std::byte* area, PercpuOffset offset) {
  return percpu_at<T>(area, raw(offset));
}

// A page of every area, counted from the end of the first chunk.
enum class PercpuPage : std::uint32_t {};
constexpr std::uint32_t raw(PercpuPage page) { return static_cast<std::uint32_t>(page); }

// The frames behind the pages of further chunks. Called with no lock held, by one caller at a time.
class PercpuPages {
 public:
  // Errors: kNoMemory, of which nothing is said when nobody waits for the page (spare).
  struct Wanted {
    PercpuPage page;
    bool spare;
  };
  virtual Result<void> populate(Wanted wanted) = 0;
  virtual void depopulate(PercpuPage page) = 0;

 protected:
  ~PercpuPages() = default;
};

enum class PercpuWait : bool { kMayNot, kMay };  // kMayNot: only from pages that are there

class PercpuArea {
 public:
  static constexpr Bytes kFirstDynamic = kib(28);  // of the first chunk
  static constexpr Bytes kUnit = mib(1);           // of a further chunk, in each area
  static constexpr unsigned kMoreChunks = 8;
  static constexpr std::uint32_t kMorePages =
      static_cast<std::uint32_t>(whole_pages(kUnit).raw()) * kMoreChunks;
  static constexpr Bytes kLargest = kib(32);       // what can be asked for at once

  // An area for each entry of `cpu_nodes`: the nodes of the CPUs.
  Result<void> init(Arena& arena, std::span<const NodeId> cpu_nodes, Bytes static_size);
  // Until then there is the first chunk alone.
  void set_pages(PercpuPages& pages) { pages_ = &pages; }

  [[nodiscard]] std::byte* of(CpuId cpu) const { return areas_[index_of(cpu)]; }
  [[nodiscard]] std::span<std::byte* const> all() const { return areas_; }
  // Where page 0 of further chunks lies in each area.
  [[nodiscard]] Bytes first_chunk() const { return first_chunk_; }
  // Of the stretch that an area is, with all that may ever be there.
  [[nodiscard]] Bytes size() const { return first_chunk_ + kUnit * kMoreChunks; }
  // Whether such an offset can be handed out.
  [[nodiscard]] bool is_dynamic(Bytes offset) const {
    return offset >= static_ && offset < size();
  }

  // Zeroed memory at the same offset of every area; `align` is a power of two, at most a page.
  Result<PercpuOffset> allocate(Bytes size, Bytes align, PercpuWait wait = PercpuWait::kMay)
      QUIRE_EXCLUDES(lock_);
  Result<void> free(PercpuOffset offset) QUIRE_EXCLUDES(lock_);
  // Gives up chunks and pages that stand empty, and sees to the spare pages that requests which
  // may not wait live on. For whoever has freed something and may wait.
  void balance() QUIRE_EXCLUDES(lock_);

  // Of further chunks, in each area.
  [[nodiscard]] PageCount populated() const QUIRE_EXCLUDES(lock_);
  [[nodiscard]] bool is_populated(PercpuPage page) const QUIRE_EXCLUDES(lock_);

 private:
  static constexpr std::uint32_t kSpareLow = 2;
  static constexpr std::uint32_t kSpareHigh = 4;
  static constexpr std::uint32_t kUnitPages =
      static_cast<std::uint32_t>(whole_pages(kUnit).raw());

  struct Spot {
    unsigned chunk;
    std::uint32_t page;
  };
  // What came of a request: a piece, or the page that must be there first, or neither.
  struct Attempt {
    std::optional<PercpuOffset> piece;
    Bytes used_before;  // so much from its start was part of a piece before: not zero
    std::optional<Spot> missing;
    bool wants_spare = false;
  };
  struct Found {
    unsigned chunk;
    PercpuChunk::Row row;
  };

  [[nodiscard]] std::uint32_t start_of(unsigned chunk) const;
  [[nodiscard]] static PercpuPage page_of(Spot spot);
  Attempt attempt(const PercpuChunk::Need& need) QUIRE_EXCLUDES(lock_);
  std::optional<Found> find_locked(const PercpuChunk::Need& need) QUIRE_REQUIRES(lock_);
  bool open_chunk_locked() QUIRE_REQUIRES(lock_);
  [[nodiscard]] std::uint32_t empty_pages_locked(const Found& found) const QUIRE_REQUIRES(lock_);
  Result<void> populate(Spot spot, bool spare) QUIRE_EXCLUDES(lock_);
  Result<void> fill(Spot spot, bool spare) QUIRE_EXCLUDES(lock_);
  void fill_spare() QUIRE_EXCLUDES(lock_);
  std::optional<Spot> give_up_page_locked() QUIRE_REQUIRES(lock_);
  std::optional<Spot> spare_spot_locked() QUIRE_REQUIRES(lock_);
  bool begin_change() QUIRE_EXCLUDES(lock_);
  void end_change() QUIRE_EXCLUDES(lock_);

  std::span<std::byte*> areas_;
  PercpuPages* pages_ = nullptr;
  Bytes static_;
  Bytes first_chunk_;
  mutable SpinLock lock_{LockRank::kPercpu};
  std::array<PercpuChunk, 1 + kMoreChunks> chunks_ QUIRE_GUARDED_BY(lock_);
  std::uint32_t populated_ QUIRE_GUARDED_BY(lock_) = 0;
  std::uint32_t spare_ QUIRE_GUARDED_BY(lock_) = 0;  // pages that are there and empty
  bool changing_ QUIRE_GUARDED_BY(lock_) = false;    // someone is making pages come or go
};

}  // namespace quire
