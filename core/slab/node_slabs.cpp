#include "slab/node_slabs.hpp"

#include <array>

namespace quire {

std::uint32_t NodeSlabs::take(const SlabObjects& objects, std::span<void*> out) {
  std::uint32_t taken = 0;
  while (taken < out.size() && !partial.empty()) {
    const PageIndex index = partial.front();
    Page& head = objects.pages.at(index);
    const std::uint32_t free = head.slab.objects - head.slab.inuse;
    const std::uint32_t got = objects.take(head, out.subspan(taken));
    taken += got;
    if (got < free && taken < out.size()) [[unlikely]]
      broken = &head;
    if (head.slab.inuse < head.slab.objects) break;
    forget_free(objects, head);
  }
  return taken;
}

void NodeSlabs::forget_free(const SlabObjects& objects, Page& head) {
  const PageIndex index = objects.pages.index_of(head);
  partial.remove(objects.pages, index);
  --nr_partial;
  if (lists_full) full.push_front(objects.pages, index);
}

void NodeSlabs::put(const SlabObjects& objects, Page& head, void* object, DeadSlabs& dead) {
  const PageIndex index = objects.pages.index_of(head);
  const bool was_full = head.slab.inuse == head.slab.objects;
  if (head.slab.inuse == 0 || objects.is_first_free(head, object)) [[unlikely]] {
    freed_twice = object;
    return;
  }
  objects.put(head, object);
  if (was_full) {
    if (lists_full) full.remove(objects.pages, index);
    partial.push_back(objects.pages, index);
    ++nr_partial;
  }
  // What was full until now does not count, as in Linux.
  const std::uint32_t others = nr_partial - (was_full ? 1 : 0);
  if (head.slab.inuse == 0 && others >= min_partial && !keeps_empty)
    bury(objects, head, dead);
}

void NodeSlabs::add(const SlabObjects& objects, Page& head) {
  partial.push_front(objects.pages, objects.pages.index_of(head));
  ++nr_partial;
  ++nr_slabs;
  total_objects += head.slab.objects;
}

void NodeSlabs::bury(const SlabObjects& objects, Page& head, DeadSlabs& dead) {
  partial.remove(objects.pages, objects.pages.index_of(head));
  --nr_partial;
  --nr_slabs;
  total_objects -= head.slab.objects;
  dead.add(objects.pages, head);
}

// Slabs with few free objects go first, by buckets of up to kBuckets of them: what is nearly empty
// gets the chance to become so.
void NodeSlabs::shrink(const SlabObjects& objects, DeadSlabs& dead) {
  constexpr std::uint32_t kBuckets = 32;
  std::array<PageList, kBuckets> buckets;
  PageList rest;
  while (!partial.empty()) {
    const PageIndex index = partial.front();
    Page& head = objects.pages.at(index);
    const std::uint32_t free = head.slab.objects - head.slab.inuse;
    if (head.slab.inuse == 0) {
      bury(objects, head, dead);
      continue;
    }
    partial.remove(objects.pages, index);
    PageList& list = free <= kBuckets ? buckets[free - 1] : rest;
    list.push_back(objects.pages, index);
  }
  for (PageList& bucket : buckets)
    while (!bucket.empty()) partial.push_back(objects.pages, bucket.pop_front(objects.pages));
  while (!rest.empty()) partial.push_back(objects.pages, rest.pop_front(objects.pages));
}

std::uint64_t NodeSlabs::free_objects(const SlabObjects& objects) const {
  std::uint64_t sum = 0;
  for (PageIndex index = partial.front(); index != PageIndex::kNone;
       index = PageIndex{objects.pages.at(index).next})
    sum += objects.pages.at(index).slab.objects - objects.pages.at(index).slab.inuse;
  return sum;
}

}  // namespace quire
