#include "stack/stack.hpp"

namespace quire {
namespace {

Bytes stack_size(ArchProfile arch) { return arch == ArchProfile::kX86_32 ? kib(8) : kib(16); }

}  // namespace

Stacks::Stacks(const Parts& parts)
    : parts_(parts), size_(stack_size(parts.nodes.arch())) {}

Result<void> Stacks::init(PercpuArea& percpu) {
  QUIRE_TRY_ASSIGN(place, percpu.allocate(Bytes{sizeof(OfCpu)}, Bytes{alignof(OfCpu)}));
  place_ = place;
  return {};
}

VirtAddr Stacks::allocate(NodeId node, const char* caller) {
  VirtAddr stack = take_cached();
  if (stack != VirtAddr{})
    clear(stack);
  else
    stack = parts_.space.allocate({.size = size_, .align = size_,
                                   .gfp = Gfp::kKernel | Gfp::kZero, .node = node,
                                   .caller = caller});
  if (stack != VirtAddr{}) count(stack, 1);
  return stack;
}

void Stacks::free(VirtAddr stack) {
  count(stack, -1);
  if (!keep(stack)) parts_.space.vfree(stack);
}

void Stacks::drain_cpu(CpuId cpu) {
  for (auto& slot : of(parts_.nodes.percpu_area(cpu)).cached)
    parts_.space.vfree(VirtAddr{slot.exchange(0)});
}

VirtAddr Stacks::take_cached() const {
  for (auto& slot : of(Arch::current()->percpu).cached)
    if (slot.load(std::memory_order_relaxed) != 0)
      if (const std::uint64_t stack = slot.exchange(0); stack != 0) return VirtAddr{stack};
  return {};
}

bool Stacks::keep(VirtAddr stack) const {
  for (auto& slot : of(Arch::current()->percpu).cached) {
    std::uint64_t none = 0;
    if (slot.compare_exchange_strong(none, stack.raw())) return true;
  }
  return false;
}

template <class Visit>
void Stacks::for_each_page(VirtAddr stack, Visit visit) const {
  for (VirtAddr at = stack; at < stack + size_; at += kPageSize)
    visit(*parts_.space.to_page(at));
}

void Stacks::clear(VirtAddr stack) const {
  for_each_page(stack, [&](const Page& page) { Arch::clear_page(parts_.map.content_of(page)); });
}

void Stacks::count(VirtAddr stack, std::int64_t sign) const {
  const auto kib_per_page = static_cast<std::int64_t>(in_kib(PageCount{1}));
  for_each_page(stack, [&](const Page& page) {
    Node& node = parts_.nodes.node(parts_.nodes.zone_of(page.word).node);
    mod_node_state(Arch::current()->percpu, node, NodeItem::kNrKernelStack, sign * kib_per_page);
  });
}

// Its pages lie together in the machine's memory, as those of Linux's per-CPU areas do.
VirtAddr Stacks::interrupt_stack(CpuId cpu) {
  std::atomic<std::uint64_t>& place = of(parts_.nodes.percpu_area(cpu)).interrupt;
  if (const std::uint64_t stack = place.load(std::memory_order_acquire); stack != 0)
    return VirtAddr{stack};
  constexpr std::size_t kMostPages = 4;
  const Order order{ffs0(whole_pages(size_).raw())};
  Page* const block =
      parts_.pages.allocate(Gfp::kKernel | Gfp::kZero, order, parts_.nodes.node_of(cpu));
  if (block == nullptr) return {};
  parts_.pages.split(*block, order);
  std::array<Page*, kMostPages> pages{};
  const std::span<Page*> used = std::span(pages).first(order.pages().raw());
  for (std::size_t i = 0; i < used.size(); ++i) used[i] = block + i;
  std::uint64_t none = 0;
  const VirtAddr stack = parts_.space.vmap(used, Prot::kKernel, "irq_init_percpu_irqstack");
  if (stack != VirtAddr{} && place.compare_exchange_strong(none, stack.raw())) return stack;
  parts_.space.vunmap(stack);
  for (Page* const page : used) parts_.pages.free_page(*page);
  return VirtAddr{none};
}

}  // namespace quire
