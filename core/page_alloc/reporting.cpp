#include "page_alloc/reporting.hpp"

namespace quire {
namespace {

constexpr std::int32_t kReported = 1;

// Never touched, so far as is known: a run, or a block that was told of.
bool is_clean(const Page& page) { return page.refcount == kReported || page.run_blocks > 1; }

void count_free(Zone& zone, std::int64_t pages) {
  mod_zone_state(Arch::current()->percpu, zone, ZoneItem::kNrFreePages, pages);
}

}  // namespace

PageCount FreePageReporting::report(Zone& zone, Order least, PageCount most) {
  std::uint64_t told = 0;
  for (unsigned o = Order::kMax + 1; o-- > least.raw();) {
    const Order order{o};
    for (unsigned type = 0; type < kMigrateTypes; ++type) {
      if (MigrateType{static_cast<std::uint8_t>(type)} == MigrateType::kIsolate) continue;
      for (bool more = true; more && told < most.raw();) {
        const Batch batch = isolate(zone, order, MigrateType{static_cast<std::uint8_t>(type)});
        for (unsigned i = 0; i < batch.count; ++i) sink_.report(batch.blocks[i], order.pages());
        put_back(zone, order, batch);
        told += batch.count * order.pages().raw();
        more = batch.count == kBatch;
      }
    }
  }
  return PageCount{told};
}

FreePageReporting::Batch FreePageReporting::isolate(Zone& zone, Order order, MigrateType type) {
  Buddy& buddy = allocator_.buddy();
  const PageArray pages = allocator_.map().array();
  Batch batch;
  const SpinGuard guard(zone.lock);
  unsigned passed = 0;
  std::uint32_t next = 0;
  for (std::uint32_t at = raw(zone.free_area[order.raw()].lists[index_of(type)].front());
       at != 0 && batch.count < kBatch && passed < kMostPassed; at = next) {
    next = pages.at(at).next;
    if (is_clean(pages.at(at))) {
      ++passed;
      continue;
    }
    buddy.remove(zone, PageIndex{at});
    batch.blocks[batch.count++] = PageIndex{at};
  }
  count_free(zone, -static_cast<std::int64_t>(batch.count * order.pages().raw()));
  return batch;
}

// A block whose buddy came free meanwhile is merged, and told of again some time.
void FreePageReporting::put_back(Zone& zone, Order order, const Batch& batch) {
  Buddy& buddy = allocator_.buddy();
  std::int64_t freed = 0;
  const SpinGuard guard(zone.lock);
  for (unsigned i = 0; i < batch.count; ++i) {
    const PageIndex index = batch.blocks[i];
    if (allocator_.map().pageblock_type(index) != MigrateType::kIsolate)
      freed += static_cast<std::int64_t>(order.pages().raw());
    buddy.free_to(ListEnd::kBack, zone, index, order);
    if (buddy.is_free_head(zone, index, order)) allocator_.map().at(index).refcount = kReported;
  }
  count_free(zone, freed);
}

}  // namespace quire
