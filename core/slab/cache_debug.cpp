#include "slab/cache_debug.hpp"

namespace quire {

void* CacheDebug::take(KmemCache& cache, NodeSlabs& node, const KmemCache::Want& want) {
  const SlabObjects& objects = cache.objects_;
  SlabDebug debug(cache.parts_->reports);
  void* object = nullptr;
  while (object == nullptr && !node.partial.empty()) {
    Page& head = objects.pages.at(node.partial.front());
    if (head.slab.inuse < head.slab.objects)
      object = debug.take({objects, cache.name(), head, want.caller, want.requested});
    if (head.slab.inuse == head.slab.objects) node.forget_free(objects, head);
  }
  return object;
}

void CacheDebug::free(KmemCache& cache, Page& head, void* object, const void* caller) {
  const SlabObjects& objects = cache.objects_;
  SlabDebug debug(cache.parts_->reports);
  NodeSlabs& node = cache.nodes_[index_of(SlabTag{head.mapping}.node())];
  DeadSlabs dead;
  {
    const SpinGuard guard(node.lock);
    const bool was_full = head.slab.inuse == head.slab.objects;
    if (debug.may_be_free({objects, cache.name(), head, caller}, object)) {
      if (cache.init_on_free_) std::memset(object, 0, cache.object_size_);
      node.put(objects, head, object, dead);
      if (node.freed_twice != nullptr) tell_freed_twice(cache, node);
    } else if (!was_full && head.slab.inuse == head.slab.objects) {
      node.forget_free(objects, head);
    }
  }
  cache.bury(dead);
}

void CacheDebug::tell_broken_list(KmemCache& cache, NodeSlabs& node, const void* caller) {
  BugReports& reports = cache.parts_->reports;
  reports.slab({cache.objects_, cache.name(), *node.broken, caller}, "Freechain corrupt");
  reports.fix(cache.name(), "Marking all objects used");
  node.broken = nullptr;
  reports.finish();
}

void CacheDebug::tell_freed_twice(KmemCache& cache, NodeSlabs& node) {
  BugReports& reports = cache.parts_->reports;
  Page& head = cache.objects_.head_of(node.freed_twice);
  reports.object({cache.objects_, cache.name(), head, nullptr}, "Object already free",
                 node.freed_twice);
  node.freed_twice = nullptr;
  reports.finish();
}

Result<void> CacheDebug::validate(KmemCache& cache) {
  if (!cache.debugged()) return Errno::kInvalid;
  for (NodeSlabs& node : cache.nodes_) {
    const SpinGuard guard(node.lock);
    validate(cache, node, node.partial);
    validate(cache, node, node.full);
  }
  return {};
}

void CacheDebug::validate(KmemCache& cache, NodeSlabs& node, PageList& slabs) {
  const SlabObjects& objects = cache.objects_;
  SlabDebug debug(cache.parts_->reports);
  PageIndex next = slabs.front();
  while (next != PageIndex::kNone) {
    Page& head = objects.pages.at(next);
    next = PageIndex{head.next};
    const bool was_full = head.slab.inuse == head.slab.objects;
    debug.validate({objects, cache.name(), head, nullptr});
    if (!was_full && head.slab.inuse == head.slab.objects) node.forget_free(objects, head);
  }
}

void CacheDebug::list_remaining(KmemCache& cache, const void* caller) {
  const SlabObjects& objects = cache.objects_;
  SlabDebug debug(cache.parts_->reports);
  for (NodeSlabs& node : cache.nodes_) {
    const SpinGuard guard(node.lock);
    for (const PageList* const list : {&node.partial, &node.full}) {
      for (PageIndex at = list->front(); at != PageIndex::kNone;
           at = PageIndex{objects.pages.at(at).next}) {
        Page& head = objects.pages.at(at);
        if (head.slab.inuse != 0) debug.list_used({objects, cache.name(), head, caller});
      }
    }
  }
}

}  // namespace quire
