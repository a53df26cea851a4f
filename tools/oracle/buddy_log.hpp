// A recorded sequence of allocations and frees: the state of a node's zones before it, every
// operation with Linux's answer, and the state after it.
//
// Format  Text, usually gzipped; tests/oracle/recorder/buddy_recorder.c writes it.
// Units   Page frame numbers and counts of pages, as Linux prints them.
// Errors  The first line that could not be understood, as one sentence with its number.
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "memmap/memmap.hpp"
#include "page_alloc/page_alloc.hpp"
#include "zone/zone.hpp"

namespace quire::oracle {

// One CPU's set of pages of one zone.
struct PcpState {
  struct Entry {
    std::uint64_t pfn;
    MigrateType type;
    bool operator==(const Entry&) const = default;
  };
  std::map<std::string, std::int64_t> fields;  // count, high, batch, free_factor, ...
  std::map<unsigned, std::vector<Entry>> lists;
};

// One zone. Lists that are not there are empty.
struct ZoneState {
  std::string name;
  unsigned node = 0;
  std::map<std::string, std::int64_t> fields;   // start_pfn, managed, min, flags, nr_free, ...
  std::vector<std::int64_t> lowmem_reserve;
  std::map<unsigned, std::uint64_t> nr_free;    // blocks by order
  struct ListId {
    unsigned order;
    MigrateType type;
    auto operator<=>(const ListId&) const = default;
  };
  std::map<ListId, std::vector<std::uint64_t>> lists;
  std::string blocks;                           // a type's digit a pageblock, '-' without a map
  std::uint64_t blocks_start = 0;
  std::map<unsigned, PcpState> cpus;
};

struct AllocateOp {
  Gfp gfp;
  Order order;
  std::uint64_t pfn;  // 0: Linux had none
};
struct FreeOp {
  Order order;
  std::uint64_t pfn;
};
struct DrainOp {};
struct BulkOp {
  Gfp gfp;
  std::size_t count;
  std::vector<std::uint64_t> pfns;
};
// The counts of one zone at this moment.
struct CountsOp {
  std::string label;
  std::string zone;
  std::map<std::string, std::int64_t> fields;   // nr_free, boost, highatomic
  std::map<ZoneState::ListId, std::uint64_t> blocks;
};

struct Operation {
  std::size_t line = 0;
  std::size_t number = 0;  // as the log counts: S lines do not count
  std::variant<AllocateOp, FreeOp, DrainOp, BulkOp, CountsOp> what;
};

struct BuddyLog {
  unsigned node = 0;
  bool grouping_disabled = false;
  std::vector<ZoneState> before;
  std::vector<Operation> operations;
  std::vector<ZoneState> after;
};

std::expected<BuddyLog, std::string> parse_buddy_log(std::string_view text);

// The digit of a migrate type in a log, and back; a kernel without CMA has Isolate in its place.
MigrateType type_of_digit(unsigned digit);
unsigned digit_of(MigrateType type);

}  // namespace quire::oracle
