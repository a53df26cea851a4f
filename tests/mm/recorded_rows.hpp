// What recordings of memory calls say about an address space: rows of smaps.
#pragma once

#include <cstdlib>
#include <map>
#include <sstream>
#include <string>

#include "vma/vma.hpp"

namespace quire {

// The letters of smaps' VmFlags row.
inline VmFlags flags_named(const std::string& text) {
  static const std::map<std::string, VmFlags> kNames = {
      {"rd", VmFlags::kRead},      {"wr", VmFlags::kWrite},      {"ex", VmFlags::kExec},
      {"sh", VmFlags::kShared},    {"mr", VmFlags::kMayRead},    {"mw", VmFlags::kMayWrite},
      {"me", VmFlags::kMayExec},   {"ms", VmFlags::kMayShare},   {"gd", VmFlags::kGrowsDown},
      {"pf", VmFlags::kPfnMap},    {"lo", VmFlags::kLocked},     {"io", VmFlags::kIo},
      {"sr", VmFlags::kSeqRead},   {"rr", VmFlags::kRandRead},   {"dc", VmFlags::kDontCopy},
      {"de", VmFlags::kDontExpand}, {"ac", VmFlags::kAccount},   {"nr", VmFlags::kNoReserve},
      {"wf", VmFlags::kWipeOnFork}, {"dd", VmFlags::kDontDump},  {"sd", VmFlags::kSoftDirty},
      {"hg", VmFlags::kHugePage},  {"nh", VmFlags::kNoHugePage}, {"mg", VmFlags::kMergeable},
      {"??", VmFlags::kLockOnFault}};
  std::istringstream in(text);
  VmFlags flags{};
  for (std::string name; in >> name;) flags |= kNames.at(name);
  return flags;
}

struct MapsRow {
  VirtRange range{};
  std::uint64_t rss_kib = 0;
  std::uint64_t anonymous_kib = 0;
  VmFlags flags{};
  bool of_file = false;
};

// "START-END PERMS OFFSET DEVICE INODE NAME | Rss | Anonymous | Locked | VmFlags"
inline MapsRow parse_row(const std::string& line) {
  MapsRow row;
  char* at = nullptr;
  row.range.start = VirtAddr{std::strtoull(line.c_str() + 2, &at, 16)};
  row.range.end = VirtAddr{std::strtoull(at + 1, nullptr, 16)};
  row.of_file = line.find(" /") != std::string::npos;
  std::istringstream figures(line.substr(line.find('|')));
  std::string bar, flags;
  std::uint64_t locked = 0;
  figures >> bar >> row.rss_kib >> bar >> row.anonymous_kib >> bar >> locked >> bar;
  std::getline(figures, flags);
  row.flags = flags_named(flags);
  return row;
}

}  // namespace quire
