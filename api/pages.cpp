// Pages: allocated, freed, found.
#include "api/arguments.hpp"

using quire::Errno;
using quire::Order;
using quire::Page;
using quire::PageKind;
using quire::api::Call;
using quire::api::fail;
using quire::api::find;
using quire::api::flags_of;
using quire::api::is_block;
using quire::api::near;
using quire::api::node_of;
using quire::api::refuse;
using quire::api::to_c;

namespace {

quire::Zone* zone_of(const quire_machine* machine, const quire_page* page) {
  const Page* const found = find(machine, page);
  if (found == nullptr) return nullptr;
  quire::Zone* const zone = machine->zone_of(*found);
  if (zone == nullptr) fail(Errno::kInvalid, "the page lies in no zone");
  return zone;
}

}  // namespace

extern "C" {

quire_page* quire_alloc_pages(quire_machine* machine, quire_gfp_t gfp, unsigned order) {
  return quire_alloc_pages_node(machine, QUIRE_NO_NODE, gfp, order);
}

quire_page* quire_alloc_pages_node(quire_machine* machine, int node, quire_gfp_t gfp,
                                   unsigned order) {
  if (machine == nullptr) return refuse(Errno::kInvalid, "no machine");
  if (order > QUIRE_MAX_ORDER) return refuse(Errno::kInvalid, "the order is above 10");
  const auto from = node_of(*machine, node);
  if (!from) return refuse(Errno::kInvalid, "no such node");
  const Call call(*machine);
  Page* const page = machine->machine->pages().allocate(flags_of(gfp), Order{order}, near(*from));
  return page == nullptr ? refuse(Errno::kNoMemory, "no free block") : to_c(page);
}

quire_page* quire_get_zeroed_page(quire_machine* machine, quire_gfp_t gfp) {
  return quire_alloc_pages(machine, gfp | QUIRE_GFP_ZERO, 0);
}

int64_t quire_alloc_pages_bulk(quire_machine* machine, quire_gfp_t gfp, size_t count,
                               quire_page** pages) {
  if (machine == nullptr || (pages == nullptr && count != 0))
    return fail(Errno::kInvalid, "no machine, or no array");
  const Call call(*machine);
  const std::span<Page*> slots(reinterpret_cast<Page**>(pages), count);
  return static_cast<int64_t>(machine->machine->pages().allocate_bulk(
      flags_of(gfp), quire::Arch::current()->node, slots));
}

int quire_free_pages(quire_machine* machine, quire_page* page, unsigned order) {
  if (machine == nullptr) return fail(Errno::kInvalid, "no machine");
  if (page == nullptr) return 0;
  if (order > QUIRE_MAX_ORDER) return fail(Errno::kInvalid, "the order is above 10");
  Page* const block = find(machine, page);
  if (block == nullptr) return -EINVAL;
  const Call call(*machine);
  const bool sound = is_block(*block, Order{order});
  machine->machine->pages().free(*block, Order{order});
  return sound ? 0 : fail(Errno::kInvalid, "not an allocated block of that order");
}

int quire_split_page(quire_machine* machine, quire_page* page, unsigned order) {
  Page* const block = find(machine, page);
  if (block == nullptr) return -EINVAL;
  if (order > QUIRE_MAX_ORDER) return fail(Errno::kInvalid, "the order is above 10");
  const Call call(*machine);
  if (!is_block(*block, Order{order}) || block->word.kind() != PageKind::kInUse)
    return fail(Errno::kInvalid, "not an allocated plain block of that order");
  machine->machine->pages().split(*block, Order{order});
  return 0;
}

int64_t quire_page_to_pfn(const quire_machine* machine, const quire_page* page) {
  const Page* const found = find(machine, page);
  if (found == nullptr) return -EINVAL;
  return static_cast<int64_t>(machine->machine->map().pfn_of(*found).raw());
}

quire_page* quire_pfn_to_page(const quire_machine* machine, uint64_t pfn) {
  if (machine == nullptr) return refuse(Errno::kInvalid, "no machine");
  constexpr std::uint64_t kPfnBits = 40;
  if (pfn >> kPfnBits != 0) return refuse(Errno::kInvalid, "no address has that many bits");
  Page* const page = machine->machine->map().page_of(quire::Pfn{pfn});
  return page == nullptr ? refuse(Errno::kInvalid, "no memory there") : to_c(page);
}

void* quire_page_address(const quire_machine* machine, const quire_page* page) {
  const Page* const found = find(machine, page);
  return found == nullptr ? nullptr : machine->machine->map().content_of(*found);
}

quire_page* quire_virt_to_page(const quire_machine* machine, const void* address) {
  if (machine == nullptr) return refuse(Errno::kInvalid, "no machine");
  Page* const page = machine->page_at(address);
  return page == nullptr ? refuse(Errno::kInvalid, "no frame's content lies there") : to_c(page);
}

const char* quire_page_zone(const quire_machine* machine, const quire_page* page) {
  const quire::Zone* const zone = zone_of(machine, page);
  return zone == nullptr ? nullptr : name_of(zone->type).data();
}

int quire_page_node(const quire_machine* machine, const quire_page* page) {
  const quire::Zone* const zone = zone_of(machine, page);
  return zone == nullptr ? -EINVAL : static_cast<int>(index_of(zone->node));
}

}  // extern "C"
