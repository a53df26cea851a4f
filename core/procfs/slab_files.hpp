// /proc/slabinfo, the directory that each cache has in /sys/kernel/slab, and that of its traces.
//
// A cache that others may be merged with has a directory of its kind, ":a-0000064", and its names
// are links to it; here they show the same.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/base.hpp"
#include "procfs/sources.hpp"

namespace quire {

inline constexpr std::string_view kSlabDirectory = "sys/kernel/slab/";

struct SlabFile {
  std::string_view name;
  std::uint16_t mode;
  void (*show)(const KmemCache&, Text&);
  Result<void> (*write)(KmemCache&, std::string_view) = nullptr;
};
std::span<const SlabFile> slab_files();

// The cache whose directory has that name; null: none.
KmemCache* slab_directory(const ProcSources& from, std::string_view name);

// Where the files of a cache lie, in `storage`.
using DirectoryName = std::array<char, KmemCache::kMaxName + 1>;
std::string_view slab_directory_of(const KmemCache& cache, DirectoryName& storage);

// Calls visit(directory) for each.
template <class Visit>
void for_each_slab_directory(const ProcSources& from, Visit visit) {
  if (from.slabs == nullptr) return;
  DirectoryName storage;
  for (std::size_t i = 0;; ++i) {
    const KmemCache* const cache = from.slabs->cache_at(i);
    if (cache == nullptr) break;
    const std::string_view directory = slab_directory_of(*cache, storage);
    if (directory != cache->name()) visit(directory);
    visit(cache->name());
  }
  for (std::size_t i = 0;; ++i) {
    const CacheName name = from.slabs->alias_at(i);
    if (name.text().empty()) break;
    visit(name.text());
  }
}

// Of a cache with kStoreUser: who took its objects, and who gave them back before.
inline constexpr std::string_view kSlabTraceDirectory = "sys/kernel/debug/slab/";

struct SlabTraceFile {
  std::string_view name;
  TrackKind kind;
};
std::span<const SlabTraceFile> slab_trace_files();
inline bool has_slab_traces(const KmemCache& cache) {
  return any(cache.flags() & SlabFlags::kStoreUser);
}
// Errors: kNoMemory.
Result<void> show_slab_traces(const KmemCache& cache, TrackKind kind, Text& out);

void show_slabinfo(const ProcSources& from, Text& out);

}  // namespace quire
