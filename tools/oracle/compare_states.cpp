#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "tools/oracle/buddy_state.hpp"

namespace quire::oracle {
namespace {

std::string shown(std::uint64_t pfn) { return fmt::format("{:x}", pfn); }
std::string shown(const PcpState::Entry& entry) {
  return fmt::format("{:x} ({})", entry.pfn, name_of(entry.type));
}

// Two lists: how long they are, and where they part.
template <class Entry>
void compare_lists(const std::string& what, const std::vector<Entry>& linux,
                   const std::vector<Entry>& here, Comparison& comparison) {
  if (linux == here) return comparison.agree();
  const auto [theirs, ours] = std::ranges::mismatch(linux, here);
  comparison.differ(fmt::format(
      "{} has {} entries in Linux, {} here; entry {} is {} in Linux, {} here", what, linux.size(),
      here.size(), theirs - linux.begin(), theirs == linux.end() ? "none" : shown(*theirs),
      ours == here.end() ? "none" : shown(*ours)));
}

// The keys of two maps, each once.
template <class Map>
auto keys_of(const Map& a, const Map& b) {
  std::set<typename Map::key_type> keys;
  for (const auto& [key, unused] : a) keys.insert(key);
  for (const auto& [key, unused] : b) keys.insert(key);
  return keys;
}

template <class Map>
auto value_or_empty(const Map& map, const typename Map::key_type& key) {
  const auto found = map.find(key);
  return found == map.end() ? typename Map::mapped_type{} : found->second;
}

// Every field that both sides know. `idx`, `node`, `pageset_high`, `pageset_batch` and `expire`
// are only Linux's: the first four repeat what other fields say, and `expire` counts down to the
// next timed drain, which no operation of a log touches.
void compare_fields(const std::string& what, const std::map<std::string, std::int64_t>& linux,
                    const std::map<std::string, std::int64_t>& here, Comparison& comparison) {
  for (const auto& [name, value] : here) {
    const auto found = linux.find(name);
    comparison.compare(fmt::format("{}: {}", what, name),
                       found == linux.end() ? "" : std::to_string(found->second),
                       std::to_string(value));
  }
}

void compare_cpu(const std::string& what, const PcpState& linux, const PcpState& here,
                 Comparison& comparison) {
  compare_fields(what, linux.fields, here.fields, comparison);
  for (const unsigned index : keys_of(linux.lists, here.lists)) {
    compare_lists(fmt::format("{}: list {}", what, index), value_or_empty(linux.lists, index),
                  value_or_empty(here.lists, index), comparison);
  }
}

}  // namespace

void compare_states(const ZoneState& linux, const ZoneState& here, Comparison& comparison) {
  const std::string zone = fmt::format("zone {}", linux.name);
  compare_fields(zone, linux.fields, here.fields, comparison);
  comparison.compare(zone + ": lowmem_reserve",
                     fmt::format("{}", fmt::join(linux.lowmem_reserve, ",")),
                     fmt::format("{}", fmt::join(here.lowmem_reserve, ",")));
  for (const unsigned order : keys_of(linux.nr_free, here.nr_free)) {
    comparison.compare(fmt::format("{}: count of free blocks of order {}", zone, order),
                       std::to_string(value_or_empty(linux.nr_free, order)),
                       std::to_string(value_or_empty(here.nr_free, order)));
  }
  for (const ZoneState::ListId& id : keys_of(linux.lists, here.lists)) {
    compare_lists(fmt::format("{}: free list of order {} {}", zone, id.order, name_of(id.type)),
                  value_or_empty(linux.lists, id), value_or_empty(here.lists, id), comparison);
  }
  comparison.compare(zone + ": pageblock types", linux.blocks, here.blocks);
  comparison.compare(zone + ": first pageblock", shown(linux.blocks_start),
                     shown(here.blocks_start));
  for (const unsigned cpu : keys_of(linux.cpus, here.cpus)) {
    compare_cpu(fmt::format("{} CPU {}", zone, cpu), value_or_empty(linux.cpus, cpu),
                value_or_empty(here.cpus, cpu), comparison);
  }
}

}  // namespace quire::oracle
