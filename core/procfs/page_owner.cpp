#include "procfs/show.hpp"

namespace quire {
namespace {

void show_owner(const ProcSources& from, PageIndex index, const PageOwner& owner, Text& out) {
  const Pfn pfn = from.map.pfn_of(index);
  out.str("Page allocated via order ").dec(owner.order.raw());
  print(out.str(", mask 0x").hex(raw(owner.gfp)).ch('('), owner.gfp);
  out.str("), pid ").dec(owner.pid).str(", tgid ").dec(owner.tgid).str(" (");
  out.str(owner.comm.data()).str("), ts ").dec(owner.allocated_ns).str(" ns, free_ts ");
  out.dec(owner.freed_ns).str(" ns").nl();
  out.str("PFN ").dec(pfn.raw()).str(" type ").str(name_of(migrate_type(owner.gfp)));
  out.str(" Block ").dec(pfn.raw() / kPageblockPages.raw()).str(" type ");
  out.str(name_of(from.map.pageblock_type(index))).str(" Flags ");
  print_flags(out, from.map.at(index).word_racy(), from.nodes.arch());
  from.owners->print_code(out.nl(), owner.caller);
  out.nl().nl();
}

}  // namespace

void show_page_owner(const ProcSources& from, Text& out) {
  for (Pfn start{0}; start < from.map.end(); start += kSectionPages) {
    if (!from.map.has_section(section_of(start))) continue;
    const PageIndex first = from.map.index_of(*from.map.page_of(start));
    if (!from.owners->touched(first)) continue;
    for (std::uint32_t i = 0; i < kSectionPages.raw(); ++i) {
      const PageIndex index{raw(first) + i};
      PageOwner owner;
      if (from.owners->look_up(index, owner) && owner.allocated)
        show_owner(from, index, owner, out);
    }
  }
}

}  // namespace quire
