// What few machines keep of each page, beside the memory map: an array of records with the memory
// map's indices, made when the first user of it is switched on. A machine without users has none.
//
// Record    All zero bytes are a valid state of it: that of a page that has never been recorded.
// Cost      Reserved whole, as the memory map is, and touched record by record.
// Locking   None of its own: a record belongs to whoever its page belongs to.
#pragma once

#include <type_traits>

#include "base/base.hpp"
#include "host/host.hpp"
#include "memmap/memory_map.hpp"

namespace quire {

template <class Record>
class PageExtension {
  static_assert(std::is_trivially_destructible_v<Record>);

 public:
  // For every page that the map has room for. Errors: kNoMemory.
  Result<void> init(Arena& arena, const MemoryMap& map) {
    const Bytes size{map.capacity().raw() * sizeof(Record)};
    QUIRE_TRY_ASSIGN(records, arena.allocate(size, NodeId{0}));
    records_ = reinterpret_cast<Record*>(records);
    return {};
  }
  [[nodiscard]] bool exists() const { return records_ != nullptr; }
  [[nodiscard]] Record& of(PageIndex index) const { return records_[raw(index)]; }

 private:
  Record* records_ = nullptr;
};

}  // namespace quire
