// The page allocator of a zone as the kernel's rules say it, in the most obvious way: every list a
// std::list, every free block by itself, no pages at hand beside the lists, no short cuts. Pages
// are numbers. One zone without neighbours; DMA32, so nothing fragments late.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <vector>

#include "zone/zone.hpp"

namespace quire::model {

using Number = std::uint64_t;  // of a page
enum Type : unsigned { kUnmovable, kMovable, kReclaimable, kHighAtomic };
inline constexpr unsigned kTypes = 4;

struct Sizes {
  PfnRange span;
  std::int64_t managed, min, low, high;  // pages, and watermarks in pages
  std::int64_t batch, set_high, threshold;
};

// What a request asks. An atomic one cannot wait; what can wait finds nobody who frees memory.
struct Ask {
  unsigned order;
  Type type;
  bool atomic;
};

struct NaiveSet {
  std::array<std::list<Number>, kPcpLists> lists;
  std::int64_t count = 0;
  unsigned free_factor = 0;
  std::int64_t diff = 0;  // of the free pages, not folded yet
};

class NaiveZone {
 public:
  NaiveZone(const Sizes& sizes, unsigned cpus) : sizes_(sizes), sets(cpus) {}

  std::optional<Number> allocate(unsigned cpu, Ask ask);
  void free(unsigned cpu, Number page, unsigned order);
  // Whose set is emptied, and on which CPU.
  struct Flusher {
    unsigned cpu, counts_on;
  };
  void drain(Flusher who) { give_back(who, sets[who.cpu].count, 0); }
  // How many pages one call got, in order; the last may be a single one.
  std::vector<Number> allocate_bulk(unsigned cpu, Type type, unsigned wanted);

  void add_free(Number page, unsigned order, Type type) { put(page, order, type, false); }
  void set_type(Number page, Type type) { block_types_[page >> 9] = type; }
  [[nodiscard]] Type type_of(Number page) const {
    const auto found = block_types_.find(page >> 9);
    return found == block_types_.end() ? kMovable : found->second;
  }

  std::array<std::array<std::list<Number>, kTypes>, kOrderCount> lists;
  std::int64_t free_pages = 0;  // the shared counter
  std::int64_t boost = 0;
  std::int64_t reserved = 0;    // highatomic, pages

 private:
  struct Block {
    unsigned order;
    Type type;
    std::list<Number>::iterator place;
  };
  struct Flags {
    std::int64_t mark;
    bool min_reserve, non_block, high_atomic, ignores_boost;
  };

  void put(Number page, unsigned order, Type type, bool front);
  void take_out(Number page);
  void move_to(Number page, Type type);
  void count(unsigned cpu, std::int64_t pages);

  std::optional<Number> smallest(unsigned order, Type type);
  std::optional<Number> from_lists(unsigned order, Type type);
  bool steal(unsigned order, Type type);
  void steal_from(Number page, unsigned order, Type type);
  std::optional<Type> fallback(unsigned order, Type type) const;
  std::int64_t move_block(Number page, Type type);
  void merge(Number page, unsigned order, Type type);
  [[nodiscard]] bool may_merge(Number buddy, unsigned order, Type type) const;

  std::optional<Number> try_zone(unsigned cpu, Ask ask, const Flags& flags);
  std::optional<Number> from_set(unsigned cpu, Ask ask);
  std::optional<Number> slowly(unsigned cpu, Ask ask);
  [[nodiscard]] bool watermark_ok(Ask ask, const Flags& flags, std::int64_t mark) const;
  [[nodiscard]] bool enough(Ask ask, const Flags& flags) const;
  [[nodiscard]] bool has_block(unsigned order, bool reserved) const;
  void reserve_block(Number page);
  bool unreserve(Type type);
  void give_back(Flusher who, std::int64_t pages, unsigned list);

  Sizes sizes_;
  std::map<Number, Block> free_;  // by first page
  std::map<Number, Type> block_types_;
  std::map<Number, Type> set_types_;  // of a page in a set: whose it was when it came there

 public:
  std::vector<NaiveSet> sets;
};

}  // namespace quire::model
