#include "slab/cache_traces.hpp"

#include <cstring>

#include "slab/cache_debug.hpp"

namespace quire {
namespace {

constexpr unsigned kBits = 64;
constexpr std::size_t words_for(std::size_t bits) { return (bits + kBits - 1) / kBits; }

}  // namespace

CacheTraces::CacheTraces(const KmemCache& cache, TrackKind kind)
    : cache_(cache),
      kind_(kind),
      cpu_words_(words_for(cache.parts().nodes.cpu_count())),
      node_words_(words_for(cache.parts().nodes.all().size())) {}

void CacheTraces::drop() {
  if (block_ != nullptr) cache_.parts().pages.free(*block_, order_);
  block_ = nullptr;
}

// With a block twice as large, until all rows fit.
Result<void> CacheTraces::gather() {
  const SlabParts& parts = cache_.parts();
  for (unsigned order = 0; order <= Order::kMax; ++order) {
    drop();
    block_ = parts.pages.allocate(Gfp::kKernel | Gfp::kNoWarn, Order{order});
    if (block_ == nullptr) break;
    order_ = Order{order};
    memory_ = parts.map.content_of(*block_);
    if (fill()) return {};
  }
  rows_ = 0;
  return Errno::kNoMemory;
}

bool CacheTraces::fill() {
  rows_ = 0;
  for (NodeSlabs& node : cache_.nodes()) {
    const bool fits = CacheDebug::for_each_used(
        cache_, node, [&](const Page& head, void* object) { return add(head, object); });
    if (!fits) return false;
  }
  return true;
}

bool CacheTraces::add(const Page& head, void* object) {
  const SlabParts& parts = cache_.parts();
  const ObjectMarks marks(cache_.layout(), object);
  const Track& track = marks.track(kind_);
  const bool asked = kind_ == TrackKind::kAlloc && marks.knows_request();
  Row* const row = find(track, asked ? cache_.layout().object_size - marks.request() : 0);
  if (row == nullptr) return false;
  const std::uint64_t age = parts.reports.jiffies() - track.jiffies;
  const bool first = row->objects == 0;
  row->least_age = first ? age : min_of(row->least_age, age);
  row->most_age = max_of(row->most_age, age);
  row->ages += age;
  row->least_pid = first ? track.pid : min_of(row->least_pid, track.pid);
  row->most_pid = max_of(row->most_pid, track.pid);
  ++row->objects;
  const unsigned node = index_of(parts.nodes.zone_of(head.word).node);
  std::uint64_t* const words = masks(*row).data();
  words[track.cpu / kBits] |= std::uint64_t{1} << track.cpu % kBits;
  words[cpu_words_ + node / kBits] |= std::uint64_t{1} << node % kBits;
  return true;
}

// The row of that place, a new one where there is none; null: no room for it.
CacheTraces::Row* CacheTraces::find(const Track& track, std::uint64_t waste) {
  for (std::size_t i = 0; i < rows_; ++i)
    if (row(i).caller == track.caller && row(i).waste == waste) return &row(i);
  if ((rows_ + 1) * row_bytes() > size_of(order_.pages()).raw()) return nullptr;
  Row& made = row(rows_++);
  std::memset(static_cast<void*>(&made), 0, row_bytes());
  made.caller = track.caller;
  made.waste = waste;
  return &made;
}

CacheTraces::Row* CacheTraces::most() const {
  Row* best = nullptr;
  for (std::size_t i = 0; i < rows_; ++i)
    if (!row(i).shown && (best == nullptr || row(i).objects > best->objects)) best = &row(i);
  return best;
}

}  // namespace quire
