// The switches under /sys that decide about huge pages, the multi-generational LRU, swap read-ahead
// and added memory.
//
// Errors   Linux's: kInvalid, or kRange for a number that is too long. The old value stays.
// Locking  None needed to read; writes of one switch that race leave one of the values written.
// Source   Documentation/admin-guide/mm/{transhuge,multigen_lru,memory-hotplug}.rst.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/base.hpp"
#include "boot/boot.hpp"
#include "procfs/sysctls.hpp"
#include "zone/zone.hpp"

namespace quire {

enum class Knob : std::uint8_t {
  kThpEnabled,
  kThpDefrag,
  kThpShmemEnabled,
  kThpUseZeroPage,
  kLruGenEnabled,
  kLruGenMinTtlMs,
  kVmaReadAhead,
  kAutoOnlineBlocks,
  kCount
};
inline constexpr unsigned kKnobs = static_cast<unsigned>(Knob::kCount);
constexpr unsigned index_of(Knob knob) { return static_cast<unsigned>(knob); }

// What /sys/kernel/mm/transparent_hugepage/enabled can say, in its order.
enum class HugePages : std::uint8_t { kAlways, kMadvise, kNever };

class Knobs {
 public:
  explicit Knobs(Sysctls& sysctls);

  // Switches huge pages by the machine's size and command line, with what follows from it for
  // min_free_kbytes. Once, when pages are free and watermarks are set.
  void start(const Nodes& nodes, const CommandLine& options);

  [[nodiscard]] HugePages huge_pages() const {
    return static_cast<HugePages>(get(Knob::kThpEnabled));
  }
  // The word's place in the file for knobs that are one of several words, else the number.
  [[nodiscard]] std::int64_t get(Knob knob) const { return values_[index_of(knob)].get(); }

  void show(Knob knob, Text& out) const;
  Result<std::size_t> write(Knob knob, std::string_view text);

 private:
  [[nodiscard]] static Result<std::int64_t> parse(Knob knob, std::string_view text);

  Sysctls& sysctls_;
  std::array<Setting, kKnobs> values_;
};

}  // namespace quire
