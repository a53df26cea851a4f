#include "tools/oracle/rules.hpp"

#include <array>

#include "tools/machine_file/text_forms.hpp"

namespace quire::oracle {
namespace {

constexpr std::string_view kUse = "follows what the kernel and programs have allocated";
constexpr std::string_view kHuge = "huge pages do not exist yet";
constexpr std::string_view kDevice = "a device, or kept clear of devices: not memory";
constexpr std::string_view kReserve = "follows free memory at the end of the boot";

constexpr std::array kExceptions = {
    Exception{FileKind::kZoneinfo, "boost", Rule::kLayoutOnly,
              "follows how the boot's own allocations have fragmented the zone"},
    Exception{FileKind::kZoneinfo, "min", Rule::kValueEqual, "includes the boost"},
    Exception{FileKind::kZoneinfo, "low", Rule::kValueEqual, "includes the boost"},
    Exception{FileKind::kZoneinfo, "high", Rule::kValueEqual, "includes the boost"},
    Exception{FileKind::kZoneinfo, "nr_*", Rule::kLayoutOnly, kUse},
    Exception{FileKind::kZoneinfo, "workingset_*", Rule::kLayoutOnly, kUse},
    Exception{FileKind::kZoneinfo, "pgpromote_*", Rule::kLayoutOnly, kUse},
    Exception{FileKind::kZoneinfo, "numa_*", Rule::kLayoutOnly, kUse},
    Exception{FileKind::kZoneinfo, "pages free", Rule::kLayoutOnly, kUse},
    Exception{FileKind::kZoneinfo, "count", Rule::kLayoutOnly, kUse},

    Exception{FileKind::kBuddyinfo, "free blocks", Rule::kLayoutOnly, kUse},
    Exception{FileKind::kPagetypeinfo, "free blocks", Rule::kLayoutOnly, kUse},
    Exception{FileKind::kPagetypeinfo, "pageblocks", Rule::kSumEqual, kUse},
    Exception{FileKind::kCounters, "*", Rule::kLayoutOnly, kUse},

    Exception{FileKind::kMeminfo, "HugePages_*", Rule::kLayoutOnly, kHuge},
    Exception{FileKind::kMeminfo, "Hugetlb", Rule::kLayoutOnly, kHuge},
    Exception{FileKind::kMeminfo, "DirectMap1G", Rule::kIgnored,
              "there on CPUs with 1 GiB pages, which a capture does not tell"},
    Exception{FileKind::kMeminfo, "DirectMap*", Rule::kLayoutOnly,
              "follows which pages of its direct map the kernel has split"},
    Exception{FileKind::kMeminfo, "MemTotal", Rule::kEqual, ""},
    Exception{FileKind::kMeminfo, "SwapTotal", Rule::kEqual, ""},
    Exception{FileKind::kMeminfo, "SwapFree", Rule::kEqual, ""},
    Exception{FileKind::kMeminfo, "CommitLimit", Rule::kEqual, ""},
    Exception{FileKind::kMeminfo, "VmallocTotal", Rule::kEqual, ""},
    Exception{FileKind::kMeminfo, "VmallocChunk", Rule::kEqual, ""},
    Exception{FileKind::kMeminfo, "Hugepagesize", Rule::kEqual, ""},
    Exception{FileKind::kMeminfo, "NFS_Unstable", Rule::kEqual, ""},
    Exception{FileKind::kMeminfo, "*", Rule::kLayoutOnly, kUse},

    Exception{FileKind::kIomem, "devices", Rule::kIgnored, kDevice},

    Exception{FileKind::kSlabinfo, "kmalloc caches", Rule::kValueEqual,
              "counts objects and slabs in use as well"},
    Exception{FileKind::kSlabinfo, "other caches", Rule::kIgnored,
              "caches of parts of the kernel that are not here"},

    Exception{FileKind::kTunables, "user_reserve_kbytes", Rule::kLayoutOnly, kReserve},
    Exception{FileKind::kTunables, "nr_hugepages", Rule::kLayoutOnly, kHuge},
    Exception{FileKind::kTunables, "nr_hugepages_mempolicy", Rule::kLayoutOnly, kHuge},
    Exception{FileKind::kTunables, "nr_overcommit_hugepages", Rule::kLayoutOnly, kHuge},
};

constexpr Exception kSmallAdminReserve{FileKind::kTunables, "admin_reserve_kbytes",
                                       Rule::kLayoutOnly, kReserve};

constexpr std::array kIgnoredFiles = {
    IgnoredFile{"cmdline", "what the machine was told, not what it answered"},
    IgnoredFile{"swaps", "swap does not exist yet"},
    IgnoredFile{"uptime", "not memory"},
};

bool fits(std::string_view pattern, std::string_view label) {
  if (!pattern.ends_with('*')) return pattern == label;
  return label.starts_with(pattern.substr(0, pattern.size() - 1));
}

// At 8192 admin_reserve_kbytes has reached its limit; below it follows free memory.
bool is_below_limit(const Row& row) {
  const auto value = machine_file::parse_digits(row.value, machine_file::Base::kDecimal);
  return value && *value < 8192;
}

}  // namespace

std::span<const Exception> exceptions() {
  static constexpr auto kAll = [] {
    std::array<Exception, kExceptions.size() + 1> all{kSmallAdminReserve};
    for (std::size_t i = 0; i < kExceptions.size(); ++i) all[i + 1] = kExceptions[i];
    return all;
  }();
  return kAll;
}

const Exception* exception_for(FileKind file, const Row& row) {
  if (file == FileKind::kTunables && row.label == kSmallAdminReserve.label && is_below_limit(row))
    return &kSmallAdminReserve;
  for (const Exception& exception : kExceptions)
    if (exception.file == file && fits(exception.label, row.label)) return &exception;
  return nullptr;
}

ColumnWidth width_of(FileKind file, const Row& row) {
  switch (file) {
    case FileKind::kBuddyinfo:
      return {6};
    case FileKind::kPagetypeinfo:
      return {row.label == "pageblocks" ? 12u : 6u};
    case FileKind::kSlabinfo:
      return {6};
    case FileKind::kMeminfo:
      return {row.label.starts_with("HugePages_") ? 5u : 8u};
    default:
      return {};
  }
}

std::span<const IgnoredFile> ignored_files() { return kIgnoredFiles; }

}  // namespace quire::oracle
