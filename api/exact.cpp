// Numbers of pages that are no power of two, and ranges of frames.
#include "api/arguments.hpp"

using quire::Bytes;
using quire::Errno;
using quire::ExactPages;
using quire::Order;
using quire::Page;
using quire::PageCount;
using quire::Pfn;
using quire::PfnRange;
using quire::api::Call;
using quire::api::fail;
using quire::api::find;
using quire::api::flags_of;
using quire::api::is_block;
using quire::api::near;
using quire::api::node_of;
using quire::api::pages_of;
using quire::api::refuse;
using quire::api::to_c;

namespace {

// Single pages in use, one after the other in the range.
bool all_in_use(quire_machine& machine, PfnRange range) {
  for (Pfn pfn = range.start; pfn < range.end; ++pfn) {
    const Page* const page = machine.machine->map().page_of(pfn);
    if (page == nullptr || !is_block(*page, Order{0})) return false;
  }
  return true;
}

int free_range(quire_machine& machine, PfnRange range) {
  const Call call(machine);
  if (!all_in_use(machine, range)) return fail(Errno::kInvalid, "not allocated single pages");
  ExactPages(machine.machine->pages()).free_range(range);
  return 0;
}

}  // namespace

extern "C" {

quire_page* quire_alloc_pages_exact(quire_machine* machine, int node, quire_gfp_t gfp,
                                    size_t size) {
  if (machine == nullptr) return refuse(Errno::kInvalid, "no machine");
  const auto from = node_of(*machine, node);
  if (!from) return refuse(Errno::kInvalid, "no such node");
  if (size == 0 || size > size_of(quire::kMaxOrderPages).raw())
    return refuse(Errno::kInvalid, "no size, or more than the largest block");
  const Call call(*machine);
  ExactPages exact(machine->machine->pages());
  Page* const first = exact.allocate(flags_of(gfp), Bytes{size}, near(*from));
  return first == nullptr ? refuse(Errno::kNoMemory, "no free block") : to_c(first);
}

int quire_free_pages_exact(quire_machine* machine, quire_page* first, size_t size) {
  if (machine == nullptr) return fail(Errno::kInvalid, "no machine");
  if (first == nullptr) return 0;
  const Page* const page = find(machine, first);
  if (page == nullptr) return -EINVAL;
  if (size > size_of(quire::kMaxOrderPages).raw())
    return fail(Errno::kInvalid, "more than the largest block");
  const Pfn start = machine->machine->map().pfn_of(*page);
  return free_range(*machine, {start, start + pages_to_hold(Bytes{size})});
}

quire_page* quire_alloc_contig_pages(quire_machine* machine, int node, quire_gfp_t gfp,
                                     uint64_t count) {
  if (machine == nullptr) return refuse(Errno::kInvalid, "no machine");
  const auto from = node_of(*machine, node);
  if (!from || count == 0) return refuse(Errno::kInvalid, "no such node, or no pages");
  if (PageCount{count} > machine->machine->map().capacity())
    return refuse(Errno::kNoMemory, "more pages than the machine has");
  const Call call(*machine);
  ExactPages exact(machine->machine->pages());
  const auto first = exact.allocate_contiguous(flags_of(gfp), PageCount{count}, near(*from));
  return first.has_value() ? to_c(*first) : refuse(first.error(), "no such range is free");
}

int quire_alloc_contig_range(quire_machine* machine, const quire_range* range,
                             quire_gfp_t gfp) {
  if (machine == nullptr || range == nullptr) return fail(Errno::kInvalid, "no machine or range");
  const auto pages = pages_of(*range);
  if (!pages || pages->empty()) return fail(Errno::kInvalid, "not whole pages");
  const Page* const first = machine->machine->map().page_of(pages->start);
  quire::Zone* const zone = first == nullptr ? nullptr : machine->zone_of(*first);
  if (zone == nullptr || !zone->span.contains(pages->end - PageCount{1}))
    return fail(Errno::kInvalid, "the range lies in no zone");
  const Call call(*machine);
  ExactPages exact(machine->machine->pages());
  const auto taken = exact.allocate_range(*zone, *pages, {flags_of(gfp)});
  return taken.has_value() ? 0 : fail(taken.error(), "the range is not free");
}

int quire_free_contig_range(quire_machine* machine, const quire_range* range) {
  if (machine == nullptr || range == nullptr) return fail(Errno::kInvalid, "no machine or range");
  const auto pages = pages_of(*range);
  if (!pages) return fail(Errno::kInvalid, "not whole pages");
  return free_range(*machine, *pages);
}

}  // extern "C"
