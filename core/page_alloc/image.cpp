#include "page_alloc/image.hpp"

namespace quire {

ZoneImage::ZoneImage(PageAllocator& allocator, Zone& zone) : allocator_(allocator), zone_(zone) {
  const SpinGuard guard(zone.lock);
  for (FreeArea& area : zone.free_area) area = {};
  for (unsigned cpu = 0; cpu < allocator.nodes().cpu_count(); ++cpu) {
    PerCpuZone& own = allocator.nodes().percpu(zone, CpuId{static_cast<std::uint16_t>(cpu)});
    own.pages.lock.claim(allocator.host());
    own.pages.lists = {};
    own.pages.hot = {};
    own.pages.ample = false;
    own.pages.listed = 0;
    own.pages.served = 0;
    own.pages.blocks = {};
    own.pages.moved = 0;
    own.pages.free_factor = 0;
    own.pages.lock.release();
    own.diffs[index_of(ZoneItem::kNrFreePages)].set(0);
  }
  for (Pfn pfn = zone.span.start; pfn < zone.span.end; ++pfn)
    if (Page* const page = allocator.map().page_of(pfn)) *page = {};
  zone.stat[index_of(ZoneItem::kNrFreePages)].store(0, std::memory_order_relaxed);
}

Result<Page*> ZoneImage::unused_page(const Block& block) {
  if (!block.start.is_aligned(block.order.pages())) return Errno::kInvalid;
  if (!zone_.span.contains(block.start)) return Errno::kInvalid;
  Page* const page = allocator_.map().page_of(block.start);
  if (page == nullptr || page->word != PageWord()) return Errno::kInvalid;
  return page;
}

Result<void> ZoneImage::add_free(const Block& block) {
  QUIRE_TRY_ASSIGN(page, unused_page(block));
  const SpinGuard guard(zone_.lock);
  allocator_.buddy().add(zone_, {allocator_.map().index_of(*page), block.order}, block.type,
                         ListEnd::kBack);
  zone_.stat[index_of(ZoneItem::kNrFreePages)].fetch_add(
      static_cast<std::int64_t>(block.order.pages().raw()), std::memory_order_relaxed);
  return {};
}

Result<void> ZoneImage::add_per_cpu(CpuId cpu, unsigned index, const Block& block) {
  if (index >= kPcpLists || order_of_pcp_list(index) != block.order) return Errno::kInvalid;
  QUIRE_TRY_ASSIGN(page, unused_page(block));
  page->word = PageWord(zone_.page_bits, block.order, PageKind::kInUse);
  page->list_type = block.type;
  PerCpuPages& set = allocator_.nodes().percpu(zone_, cpu).pages;
  set.lock.claim(allocator_.host());
  set.lists[index].push_back(allocator_.map().array(), allocator_.map().index_of(*page));
  set.listed += 1 << block.order.raw();
  set.moved -= 1 << block.order.raw();
  set.lock.release();
  return {};
}

Result<void> ZoneImage::set_pageblock(Pfn pfn, MigrateType type) {
  const Page* const page = allocator_.map().page_of(pfn);
  if (page == nullptr) return Errno::kInvalid;
  allocator_.map().set_pageblock_type(allocator_.map().index_of(*page), type);
  return {};
}

}  // namespace quire
