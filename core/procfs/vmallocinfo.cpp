#include "procfs/show.hpp"

namespace quire {
namespace {

class Rows {
 public:
  Rows(ArchProfile arch, Text& out)
      : out_(out), address_{arch == ArchProfile::kX86_32 ? 8u : 16u} {}

  void area(const VmallocSpace::Info& area);
  void range(const VirtRange& range) {
    constexpr Width kSize{7};
    out_.str("0x").hex(range.start.raw(), address_).str("-0x").hex(range.end.raw(), address_)
        .ch(' ').dec(range.length().raw(), kSize);
  }

 private:
  Text& out_;
  const Width address_;
};

void Rows::area(const VmallocSpace::Info& area) {
  range(area.range);
  if (area.caller != nullptr) out_.ch(' ').str(area.caller);
  if (area.pages != 0) out_.str(" pages=").dec(area.pages);
  const auto has = [&](VmapFlags flag) { return (area.flags & flag) != VmapFlags::kNone; };
  if (has(VmapFlags::kAlloc)) out_.str(" vmalloc");
  if (has(VmapFlags::kMap)) out_.str(" vmap");
  if (has(VmapFlags::kUserMap)) out_.str(" user");
  if (area.pages_elsewhere) out_.str(" vpages");
  for (unsigned node = 0; node < area.by_node.size(); ++node)
    if (area.by_node[node] != 0) out_.str(" N").dec(node).ch('=').dec(area.by_node[node]);
  out_.nl();
}

}  // namespace

// Addresses as the kernel shows them to root with kernel.kptr_restrict=1.
void show_vmallocinfo(const ProcSources& from, Text& out) {
  if (from.vmalloc == nullptr) return;
  Rows rows(from.nodes.arch(), out);
  VmallocSpace::Info area;
  for (VirtAddr at; from.vmalloc->next_area(at, area); at = area.range.end) rows.area(area);
  VirtRange lazy{};
  for (VirtAddr at; from.vmalloc->next_lazy(at, lazy); at = lazy.end) {
    rows.range(lazy);
    out.str(" unpurged vm_area").nl();
  }
}

}  // namespace quire
