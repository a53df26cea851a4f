#include "slab/cache_files.hpp"

namespace quire {

SlabCounts& SlabCounts::operator+=(const SlabCounts& other) {
  slabs += other.slabs;
  objects += other.objects;
  used += other.used;
  partial += other.partial;
  used_of_partial += other.used_of_partial;
  return *this;
}

SlabCounts CacheFiles::count(const KmemCache& cache, NodeId node) {
  const SlabObjects& objects = cache.objects();
  NodeSlabs& slabs = cache.node(node);
  const SpinGuard guard(slabs.lock);
  SlabCounts counts;
  counts.slabs = slabs.nr_slabs;
  counts.objects = slabs.total_objects;
  counts.partial = slabs.nr_partial;
  std::uint64_t free = 0;
  for (PageIndex at = slabs.partial.front(); at != PageIndex::kNone;
       at = PageIndex{objects.pages.at(at).next}) {
    const Page::SlabBooks& books = objects.pages.at(at).slab;
    free += books.objects - books.inuse;
    counts.used_of_partial += books.inuse;
  }
  counts.used = counts.objects - free;
  return counts;
}

SlabCounts CacheFiles::count(const KmemCache& cache) {
  SlabCounts sum;
  for (const Node& node : cache.parts().nodes.all()) sum += count(cache, node.id);
  return sum;
}

std::uint64_t CacheFiles::min_partial(const KmemCache& cache) {
  NodeSlabs& node = cache.nodes()[0];
  const SpinGuard guard(node.lock);
  return node.min_partial;
}

void CacheFiles::set_min_partial(KmemCache& cache, std::uint64_t slabs) {
  for (NodeSlabs& node : cache.nodes()) {
    const SpinGuard guard(node.lock);
    node.min_partial = slabs;
  }
}

std::uint32_t CacheFiles::cpu_partial(const KmemCache& cache) {
  return cache.knobs_.cpu_partial.value_or(partial_limits(cache.layout()).cpu_partial);
}

Result<void> CacheFiles::set_cpu_partial(KmemCache& cache, std::uint32_t objects) {
  if (objects != 0 && cache.debugged()) return Errno::kInvalid;
  cache.knobs_.cpu_partial = objects;
  return {};
}

std::uint32_t CacheFiles::defrag_ratio(const KmemCache& cache) {
  return cache.knobs_.defrag_ratio;
}

Result<void> CacheFiles::set_defrag_ratio(KmemCache& cache, std::uint32_t percent) {
  if (percent > 100) return Errno::kRange;
  cache.knobs_.defrag_ratio = percent;
  return {};
}

std::uint32_t CacheFiles::aliases(const KmemCache& cache) { return cache.references_ - 1; }

void CacheFiles::write_directory(const KmemCache& cache, Text& out) {
  if (!cache.knobs_.mergeable) {
    out.str(cache.name());
    return;
  }
  constexpr struct {
    SlabFlags flag;
    char letter;
  } kLetters[] = {{SlabFlags::kCacheDma, 'd'},
                  {SlabFlags::kCacheDma32, 'D'},
                  {SlabFlags::kReclaimAccount, 'a'},
                  {SlabFlags::kAccount, 'A'}};
  out.ch(':');
  bool any_letter = false;
  for (const auto& [flag, letter] : kLetters) {
    if (!any(cache.flags() & flag)) continue;
    out.ch(letter);
    any_letter = true;
  }
  if (any_letter) out.ch('-');
  for (std::uint32_t digit = 1'000'000; digit > cache.layout().size && digit > 1; digit /= 10)
    out.ch('0');
  out.dec(cache.layout().size);
}

}  // namespace quire
