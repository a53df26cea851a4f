#include "tools/machine_file/sysctl_defaults.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "tools/machine_file/text_forms.hpp"

namespace quire::machine_file {
namespace {

struct Default {
  std::string_view name;
  std::string_view value;
};

constexpr std::array<Default, 41> kDefaults = {{
    {"compact_unevictable_allowed", "1"},
    {"compaction_proactiveness", "20"},
    {"dirty_background_bytes", "0"},
    {"dirty_background_ratio", "10"},
    {"dirty_bytes", "0"},
    {"dirty_expire_centisecs", "3000"},
    {"dirty_ratio", "20"},
    {"dirty_writeback_centisecs", "500"},
    {"dirtytime_expire_seconds", "43200"},
    {"extfrag_threshold", "500"},
    {"hugetlb_optimize_vmemmap", "0"},
    {"hugetlb_shm_group", "0"},
    {"laptop_mode", "0"},
    {"legacy_va_layout", "0"},
    {"lowmem_reserve_ratio", "256 256 32 0 0"},
    {"max_map_count", "65530"},
    {"min_slab_ratio", "5"},
    {"min_unmapped_ratio", "1"},
    {"mmap_min_addr", "65536"},
    {"mmap_rnd_bits", "28"},
    {"mmap_rnd_compat_bits", "8"},
    {"nr_hugepages", "0"},
    {"nr_hugepages_mempolicy", "0"},
    {"nr_overcommit_hugepages", "0"},
    {"numa_stat", "1"},
    {"oom_dump_tasks", "1"},
    {"oom_kill_allocating_task", "0"},
    {"overcommit_kbytes", "0"},
    {"overcommit_memory", "0"},
    {"overcommit_ratio", "50"},
    {"page-cluster", "3"},
    {"page_lock_unfairness", "5"},
    {"panic_on_oom", "0"},
    {"percpu_pagelist_high_fraction", "0"},
    {"stat_interval", "1"},
    {"swappiness", "60"},
    {"unprivileged_userfaultfd", "0"},
    {"vfs_cache_pressure", "100"},
    {"watermark_boost_factor", "15000"},
    {"watermark_scale_factor", "10"},
    {"zone_reclaim_mode", "0"},
}};

// One blank between words, none at the ends.
std::string normalised(std::string text) {
  std::ranges::replace(text, '\t', ' ');
  std::ranges::replace(text, '\n', ' ');
  return fmt::format("{}", fmt::join(split(text, ' '), " "));
}

// A kernel without ZONE_DEVICE or DMA has shorter rows of the same numbers.
bool is_default(const Default& row, const std::string& value) {
  if (row.name == "lowmem_reserve_ratio") return row.value.starts_with(value);
  return row.value == value;
}

// Whether the kernel could have chosen this min_free_kbytes itself: by the square root of managed
// memory, which may since have changed a little, or by what huge pages need in each zone.
bool is_computed_min_free(std::uint64_t kibibytes, std::span<const ManagedPages> managed) {
  constexpr std::uint64_t kLeast = 128;
  constexpr std::uint64_t kMost = 262144;
  // Two free pageblocks a zone, and nine where the migrate types could take each other's.
  constexpr std::uint64_t kHugePageKib = 2048 * (2 + 9);
  PageCount pages{};
  for (const ManagedPages& row : managed) pages += row.managed;
  const auto root = clamp_to(int_sqrt(in_kib(pages) * 16), kLeast, kMost);
  const std::uint64_t slack = root / 16;
  const bool by_root = kibibytes + slack >= root && kibibytes <= root + slack;
  return by_root || kibibytes == kHugePageKib * managed.size();
}

}  // namespace

std::vector<Sysctl> changed_sysctl(const FileTree& files, std::span<const ManagedPages> managed) {
  std::vector<Sysctl> changed;
  for (const Default& row : kDefaults) {
    const auto text = files.read(fmt::format("proc/sys/vm/{}", row.name));
    const std::string value = normalised(text.value_or(""));
    if (value.empty() || is_default(row, value)) continue;
    // Of each pair of a ratio and a number of bytes, the one not in use reads 0.
    if (value == "0" && (row.name == "dirty_ratio" || row.name == "dirty_background_ratio")) {
      continue;
    }
    changed.push_back({fmt::format("vm.{}", row.name), value});
  }
  const std::string min_free = normalised(files.read("proc/sys/vm/min_free_kbytes").value_or(""));
  const auto kibibytes = parse_digits(min_free, Base::kDecimal);
  if (kibibytes && !is_computed_min_free(*kibibytes, managed)) {
    changed.push_back({"vm.min_free_kbytes", min_free});
  }
  return changed;
}

}  // namespace quire::machine_file
