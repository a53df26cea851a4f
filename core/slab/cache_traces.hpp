// Who took the objects of a cache that are in use, or who gave them back before: from the tracks of
// a cache with kStoreUser, a row for each place in the code.
//
// Ownership  Rows lie in a block of pages that goes with the CacheTraces.
// Locking    gather() on a CPU, with no spinlock held; it takes the locks of nodes one by one: sums
//            of a cache in use are of no one moment.
// Errors     kNoMemory: no block that holds all rows.
// Source     Documentation/mm/slub.rst (alloc_traces, free_traces).
#pragma once

#include <span>

#include "slab/kmem_cache.hpp"
#include "slab/marks.hpp"

namespace quire {

class CacheTraces {
 public:
  // Ages are in jiffies.
  struct Row {
    const void* caller;       // null: not known
    std::uint64_t objects;
    std::uint64_t waste;      // bytes of each object that kmalloc's caller did not ask for
    std::uint64_t least_age;
    std::uint64_t most_age;
    std::uint64_t ages;       // their sum
    std::uint32_t least_pid;
    std::uint32_t most_pid;
    bool shown;
  };
  // Bits of CPUs that were there, and of nodes that objects lie on.
  struct Shown {
    const Row& row;
    std::span<const std::uint64_t> cpus;
    std::span<const std::uint64_t> nodes;
  };

  CacheTraces(const KmemCache& cache, TrackKind kind);
  ~CacheTraces() { drop(); }
  CacheTraces(const CacheTraces&) = delete;
  CacheTraces& operator=(const CacheTraces&) = delete;

  Result<void> gather();
  // Calls visit(Shown) for each row that was gathered, once: the most objects first.
  template <class Visit>
  void show(Visit visit) {
    while (Row* const row = most()) {
      row->shown = true;
      const std::span<const std::uint64_t> words = masks(*row);
      visit(Shown{*row, words.first(cpu_words_), words.subspan(cpu_words_)});
    }
  }

 private:
  [[nodiscard]] Row& row(std::size_t index) const {
    return *reinterpret_cast<Row*>(memory_ + index * row_bytes());
  }
  [[nodiscard]] std::size_t row_bytes() const {
    return sizeof(Row) + (cpu_words_ + node_words_) * sizeof(std::uint64_t);
  }
  [[nodiscard]] std::span<std::uint64_t> masks(Row& row) const {
    return {reinterpret_cast<std::uint64_t*>(&row + 1), cpu_words_ + node_words_};
  }
  [[nodiscard]] Row* most() const;
  bool fill();
  bool add(const Page& head, void* object);
  Row* find(const Track& track, std::uint64_t waste);
  void drop();

  const KmemCache& cache_;
  const TrackKind kind_;
  const std::size_t cpu_words_;
  const std::size_t node_words_;
  Page* block_ = nullptr;
  Order order_;
  std::byte* memory_ = nullptr;
  std::size_t rows_ = 0;
};

}  // namespace quire
