#include "procfs/rows.hpp"
#include "procfs/show.hpp"

namespace quire {

void show_iomem(const ProcSources& from, Text& out) {
  constexpr Width kAddress{8};
  for (const ResourceRow& row : from.plan.resources().rows()) {
    for (unsigned i = 0; i < row.depth; ++i) out.str("  ");
    out.hex(row.range.start.raw(), kAddress).ch('-').hex(row.range.end.raw() - 1, kAddress);
    out.str(" : ").str(row.name).nl();
  }
}

}  // namespace quire
