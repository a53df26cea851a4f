#include "page_alloc/debug.hpp"

#include <cstring>

#include "page_alloc/mem_info.hpp"
#include "page_alloc/page_text.hpp"

namespace quire {
namespace {

constexpr unsigned char kPoison = 0xaa;

void log_task(Host& host) {
  const CpuContext& cpu = *Arch::current();
  LogLine(host)->str("CPU: ").dec(index_of(cpu.cpu)).str(" PID: ").dec(cpu.task->pid)
      .str(" Comm: ").str(cpu.task->name());
}

bool has_managed_dma(const Nodes& nodes) {
  for (const Node& node : nodes.all())
    if (node.zone(ZoneType::kDma).managed_pages() != 0) return true;
  return false;
}

NodeMask nodes_with_memory(const Nodes& nodes) {
  NodeMask mask = 0;
  for (const Node& node : nodes.all())
    if (node.has_memory()) mask |= NodeMask{1} << index_of(node.id);
  return mask;
}

// Whoever cannot wait, or is to free memory, is told of all nodes.
NodeMask nodes_told_of(const AllocRequest& request) {
  const Task& task = *Arch::current()->task;
  const bool frees = task.oom_victim || (task.flags() & Task::kMemalloc) != 0;
  const bool all = (frees && !any(request.gfp & Gfp::kNoMemalloc)) ||
                   !any(request.gfp & Gfp::kDirectReclaim);
  return all ? kAllNodes : request.nodes;
}

}  // namespace

Result<void> PageDebug::init(const KernelProfile& profile, ArchProfile arch, Arena& arena) {
  arch_ = arch;
  trace_.init(arch);
  init_on_alloc_ = profile.frame_content && profile.init_on_alloc;
  init_on_free_ = profile.frame_content && profile.init_on_free;
  poisoning_ = profile.frame_content && profile.page_poisoning;
  panic_on_warn_ = profile.panic_on_warn;
  if (profile.page_owner) QUIRE_TRY(owners_.start(arena));
  hooked_ = init_on_alloc_ || init_on_free_ || poisoning_ || owners_.on();
  return {};
}

void PageDebug::clear(Page& head, Order order) {
  std::byte* const content = map_.content_of(head);
  for (std::uint64_t i = 0; i < order.pages().raw(); ++i)
    Arch::clear_page(content + i * kPageSize.raw());
}

void PageDebug::after_alloc(Page& head, const AllocRequest& request) {
  if (poisoning_) check_poison(head, request.order);
  const bool already_clean = init_on_free_ && !poisoning_;
  if (any(request.gfp & Gfp::kZero) || (init_on_alloc_ && !already_clean))
    clear(head, request.order);
  if (owners_.on()) owners_.note_allocated(map_.index_of(head), request);
}

void PageDebug::before_free(Page& head, Order order, const void* caller) {
  trace_.freed(head, order);
  if (owners_.on()) owners_.note_freed(map_.index_of(head), caller);
  std::byte* const content = map_.content_of(head);
  if (poisoning_)
    std::memset(content, kPoison, size_of(order.pages()).raw());
  else if (init_on_free_)
    clear(head, order);
}

void PageDebug::check_poison(const Page& head, Order order) {
  const std::byte* const content = map_.content_of(head);
  for (std::uint64_t i = 0; i < size_of(order.pages()).raw(); ++i) {
    // Memory that was never freed is still as the firmware left it.
    if (content[i] == std::byte{kPoison} || content[i] == std::byte{0}) continue;
    LogLine(host_)->str("pagealloc: memory corruption at pfn 0x").hex(map_.pfn_of(head).raw())
        .str(" offset ").dec(i);
    if (panic_on_warn_) QUIRE_PANIC("pagealloc: memory corruption and panic_on_warn is set");
    return;
  }
}

// Sixty reports a minute are enough; how many more there were is told with the next one.
bool PageDebug::may_print_bad_page() {
  constexpr Rate kRate{60, 60'000'000'000};
  if (!may_print(bad_page_limit_, kRate)) return false;
  if (bad_page_limit_.dropped != 0)
    LogLine(host_)->str("BUG: Bad page state: ").dec(bad_page_limit_.dropped)
        .str(" messages suppressed");
  bad_page_limit_.dropped = 0;
  return true;
}

bool PageDebug::may_print(Limit& limit, Rate rate) {
  const std::uint64_t now = host_.now_ns();
  if (limit.prints == 0 || now - limit.start_ns >= rate.window_ns) {
    limit.start_ns = now;
    limit.prints = 0;
  }
  if (limit.prints == rate.most) {
    ++limit.dropped;
    return false;
  }
  ++limit.prints;
  return true;
}

void PageDebug::report_bad_page(const Page& page, std::string_view why) {
  constexpr std::uint64_t kMapping = (std::uint64_t{1} << 48) - 1;
  ++bad_pages_;
  if (!may_print_bad_page()) return;
  const Pfn pfn = map_.pfn_of(page);
  LogLine(host_)->str("BUG: Bad page state in process ").str(Arch::current()->task->name())
      .str("  pfn:").hex(pfn.raw(), Width{5});
  LogLine(host_)->str("page:").hex(structure_address(pfn, arch_), Width{16}).str(" refcount:")
      .sdec(page.refcount).str(" mapcount:").sdec(page.mapcount).str(" mapping:")
      .hex(page.mapping & kMapping, Width{16}).str(" index:0x")
      .hex((page.mapping & ~kMapping) >> 16 | page.index_low).str(" pfn:0x").hex(pfn.raw());
  if (page.word.kind() == PageKind::kCompound)
    LogLine(host_)->str("head:").hex(structure_address(pfn, arch_), Width{16}).str(" order:")
        .dec(page.word.order().raw()).str(" compound_mapcount:").sdec(page.mapcount)
        .str(" compound_pincount:0");
  {
    LogLine line(host_);
    print_flags(line->str("flags: "), page.word, arch_);
  }
  LogLine(host_)->str("page dumped because: ").str(why);
  if (owners_.on()) owners_.log(map_.index_of(page));
  log_task(host_);
  if (panic_on_warn_) QUIRE_PANIC("bad page state and panic_on_warn is set");
}

void PageDebug::report_failure(const AllocRequest& request, const Nodes& nodes) {
  constexpr Rate kRate{1, 10'000'000'000};
  const bool no_dma = any(request.gfp & Gfp::kDmaZone) && !has_managed_dma(nodes);
  if (any(request.gfp & Gfp::kNoWarn) || !may_print(failure_limit_, kRate) || no_dma) return;
  if (failure_limit_.dropped != 0)
    LogLine(host_)->str("warn_alloc: ").dec(failure_limit_.dropped).str(" callbacks suppressed");
  failure_limit_.dropped = 0;
  {
    LogLine line(host_);
    line->str(Arch::current()->task->name()).str(": page allocation failure: order:")
        .dec(request.order.raw()).str(", mode:0x").hex(raw(request.gfp)).ch('(');
    print(*line, request.gfp);
    line->str("), nodemask=");
    if (request.nodes == kAllNodes) line->str("(null)");
    else print_nodes(*line, request.nodes);
    print_nodes(line->str(",cpuset=/,mems_allowed="), nodes_with_memory(nodes));
  }
  log_task(host_);
  log_mem_info(host_, nodes, {nodes_told_of(request), request.highest});
}

}  // namespace quire
