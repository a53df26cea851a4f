#include "page_alloc/trace.hpp"

#include "page_alloc/gfp.hpp"
#include "page_alloc/page_text.hpp"

namespace quire {
namespace {

constexpr std::string_view kKmem = "kmem";

// CMA is no type of the reference's configuration, and the last one takes its number.
std::uint64_t number_of(MigrateType type) {
  return min_of(index_of(type), index_of(MigrateType::kCma));
}

void print(Text& text, const TraceField& field) {
  text.str(field.name).ch('=');
  switch (field.kind) {
    case TraceKind::kPointer: text.hex(field.value, Width{16}); return;
    case TraceKind::kHex: text.str("0x").hex(field.value); return;
    case TraceKind::kSigned: text.sdec(static_cast<std::int64_t>(field.value)); return;
    case TraceKind::kGfp: print(text, static_cast<Gfp>(field.value)); return;
  }
}

// printf's %0*lu.
void zero_filled(Text& text, std::uint64_t value, Width width) {
  std::uint64_t full = 1;
  for (unsigned i = 1; i < width.columns; ++i) full *= 10;
  for (; full > 1 && value < full; full /= 10) text.ch('0');
  text.dec(value);
}

}  // namespace

void print(Text& text, const TraceEvent& event) {
  text.str(event.name).ch(':');
  for (const TraceField& field : event.fields) print(text.ch(' '), field);
}

void print_trace_prefix(Text& text, const CpuContext& cpu) {
  constexpr std::uint64_t kNsPerUs = 1000;
  constexpr std::uint64_t kUsPerSecond = 1'000'000;
  const std::uint64_t us = cpu.host->now_ns() / kNsPerUs;
  char storage[12];
  BufferSink pid(storage, sizeof storage);
  Text(pid).dec(cpu.task->pid);
  const bool idle = cpu.task->pid == 0;
  text.right(idle ? "<idle>" : cpu.task->name(), Width{16}).ch('-').str(pid.text(), Width{7});
  zero_filled(text.str(" ["), index_of(cpu.cpu), Width{3});
  zero_filled(text.str("] ..... ").dec(us / kUsPerSecond, Width{5}).ch('.'), us % kUsPerSecond,
              Width{6});
  text.str(": ");
}

template <std::size_t kFields>
void PageTrace::tell(std::string_view name, const Page* page,
                     const TraceField (&fields)[kFields]) const {
  const Pfn pfn = page == nullptr ? Pfn{0} : map_.pfn_of(*page);
  const std::uint64_t address = page == nullptr ? 0 : structure_address(pfn, arch_);
  TraceField all[kFields + 2] = {{"page", TraceKind::kPointer, address},
                                 {"pfn", TraceKind::kHex, pfn.raw()}};
  for (std::size_t i = 0; i < kFields; ++i) all[i + 2] = fields[i];
  sink_->event({kKmem, name, all});
}

void PageTrace::allocated(const Page* page, const AllocRequest& request) const {
  if (!on()) return;
  tell("mm_page_alloc", page,
       {{"order", TraceKind::kSigned, request.order.raw()},
        {"migratetype", TraceKind::kSigned, number_of(request.type)},
        {"gfp_flags", TraceKind::kGfp, raw(request.gfp)}});
}

void PageTrace::freed(const Page& page, Order order) const {
  if (!on()) return;
  tell("mm_page_free", &page, {{"order", TraceKind::kSigned, order.raw()}});
}

void PageTrace::taken(PageIndex index, Order order, MigrateType type) const {
  const bool refill = has_pcp_list(order) && index_of(type) < kPcpTypes;
  tell("mm_page_alloc_zone_locked", &map_.at(index),
       {{"order", TraceKind::kSigned, order.raw()},
        {"migratetype", TraceKind::kSigned, number_of(type)},
        {"percpu_refill", TraceKind::kSigned, refill}});
}

void PageTrace::drained(PageIndex index, Order order, MigrateType type) const {
  tell("mm_page_pcpu_drain", &map_.at(index),
       {{"order", TraceKind::kSigned, order.raw()},
        {"migratetype", TraceKind::kSigned, number_of(type)}});
}

void PageTrace::fell_back(const AllocRequest& request, const Fallback& from) const {
  tell("mm_page_alloc_extfrag", &map_.at(from.index),
       {{"alloc_order", TraceKind::kSigned, request.order.raw()},
        {"fallback_order", TraceKind::kSigned, from.order.raw()},
        {"pageblock_order", TraceKind::kSigned, kPageblockOrder.raw()},
        {"alloc_migratetype", TraceKind::kSigned, number_of(request.type)},
        {"fallback_migratetype", TraceKind::kSigned, number_of(from.type)},
        {"fragmenting", TraceKind::kSigned, from.order < kPageblockOrder},
        {"change_ownership", TraceKind::kSigned, from.whole_pageblock}});
}

}  // namespace quire
