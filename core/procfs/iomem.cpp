#include "procfs/rows.hpp"
#include "procfs/show.hpp"

namespace quire {

void show_iomem(const ProcSources& from, Text& out) {
  constexpr Width kAddress{8};
  from.plan.for_each_resource([&](const ResourceRow& row) {
    for (unsigned i = 0; i < row.depth; ++i) out.str("  ");
    out.hex(row.range.start.raw(), kAddress).ch('-').hex(row.range.end.raw() - 1, kAddress);
    out.str(" : ").str(row.name).nl();
  });
}

}  // namespace quire
