// The keys of [cost]: whole numbers, in the unit that a name ends with.
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/cost_model.hpp"

namespace quire::machine_file {

struct CostKey {
  std::string_view name;
  std::uint64_t CostModel::*value;
  std::int64_t least = 0;
};

inline constexpr std::int64_t kMostCost = 1'000'000'000;
inline constexpr CostKey kCostKeys[] = {
    {"hit_ps", &CostModel::hit_ps},
    {"second_hit_ps", &CostModel::second_hit_ps},
    {"walk_ps", &CostModel::walk_ps},
    {"fault_ns", &CostModel::fault_ns},
    {"clear_page_ns", &CostModel::clear_page_ns},
    {"copy_page_ns", &CostModel::copy_page_ns},
    {"call_ns", &CostModel::call_ns},
    {"switch_ns", &CostModel::switch_ns},
    {"slice_ns", &CostModel::slice_ns, 1},
    {"disk_latency_ns", &CostModel::disk_latency_ns},
    {"disk_mib_per_s", &CostModel::disk_mib_per_s, 1},
};

}  // namespace quire::machine_file
