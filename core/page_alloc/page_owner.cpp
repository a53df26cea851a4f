#include "page_alloc/page_owner.hpp"

#include <bit>

namespace quire {
namespace {

constexpr unsigned kOrderShift = 32;
constexpr std::uint64_t kOrderMask = std::uint64_t{15} << kOrderShift;
constexpr std::uint64_t kKnown = std::uint64_t{1} << 40;
constexpr std::uint64_t kAllocated = std::uint64_t{1} << 41;

using Comm = std::array<std::uint64_t, 2>;

std::uint64_t word_of(const void* address) { return reinterpret_cast<std::uintptr_t>(address); }
const void* address_of_word(std::uint64_t word) {
  return reinterpret_cast<const void*>(static_cast<std::uintptr_t>(word));
}

}  // namespace

Result<void> PageOwners::start(Arena& arena) {
  const std::uint64_t places = map_.capacity().raw() / kSectionPages.raw();
  QUIRE_TRY_ASSIGN(touched, arena.make_array<std::atomic<bool>>(places));
  touched_ = touched.data();
  return records_.init(arena, map_);
}

void PageOwners::note_allocated(PageIndex head, const AllocRequest& request) {
  constexpr auto kOrder = std::memory_order_relaxed;
  const Task& task = *Arch::current()->task;
  Record& record = records_.of(head);
  touched_[raw(head) / kSectionPages.raw()].store(true, kOrder);
  record.allocated_ns.store(host_.now_ns(), kOrder);
  record.caller.store(word_of(request.caller), kOrder);
  record.ids.store(task.pid | std::uint64_t{task.tgid} << 32, kOrder);
  const auto comm = std::bit_cast<Comm>(task.comm);
  for (std::size_t i = 0; i < comm.size(); ++i) record.comm[i].store(comm.data()[i], kOrder);
  record.what.store(raw(request.gfp) | std::uint64_t{request.order.raw()} << kOrderShift | kKnown |
                        kAllocated,
                    kOrder);
}

void PageOwners::note_freed(PageIndex head, const void* caller) {
  Record& record = records_.of(head);
  const std::uint64_t what = record.what.load(std::memory_order_relaxed);
  if ((what & kKnown) == 0) return;
  record.what.store(what & ~kAllocated, std::memory_order_relaxed);
  record.freed_ns.store(host_.now_ns(), std::memory_order_relaxed);
  record.freed_by.store(word_of(caller), std::memory_order_relaxed);
}

void PageOwners::note_split(PageIndex head, Order order) {
  constexpr auto kOrder = std::memory_order_relaxed;
  Record& first = records_.of(head);
  first.what.store(first.what.load(kOrder) & ~kOrderMask, kOrder);
  for (std::uint32_t i = 1; i < order.pages().raw(); ++i) {
    Record& single = records_.of(PageIndex{raw(head) + i});
    single.what.store(first.what.load(kOrder), kOrder);
    single.allocated_ns.store(first.allocated_ns.load(kOrder), kOrder);
    single.freed_ns.store(first.freed_ns.load(kOrder), kOrder);
    single.caller.store(first.caller.load(kOrder), kOrder);
    single.freed_by.store(first.freed_by.load(kOrder), kOrder);
    single.ids.store(first.ids.load(kOrder), kOrder);
    for (std::size_t c = 0; c < 2; ++c) single.comm[c].store(first.comm[c].load(kOrder), kOrder);
  }
}

void PageOwners::forget_section(PageIndex first) {
  if (!touched(first)) return;
  for (std::uint32_t i = 0; i < kSectionPages.raw(); ++i)
    records_.of(PageIndex{raw(first) + i}).what.store(0, std::memory_order_relaxed);
  touched_[raw(first) / kSectionPages.raw()].store(false, std::memory_order_relaxed);
}

bool PageOwners::look_up(PageIndex index, PageOwner& found) const {
  constexpr auto kOrder = std::memory_order_relaxed;
  const Record& record = records_.of(index);
  const std::uint64_t what = record.what.load(kOrder);
  if ((what & kKnown) == 0) return false;
  found.allocated = (what & kAllocated) != 0;
  found.gfp = static_cast<Gfp>(static_cast<std::uint32_t>(what));
  found.order = Order{static_cast<unsigned>((what & kOrderMask) >> kOrderShift)};
  found.allocated_ns = record.allocated_ns.load(kOrder);
  found.freed_ns = record.freed_ns.load(kOrder);
  found.caller = address_of_word(record.caller.load(kOrder));
  found.freed_by = address_of_word(record.freed_by.load(kOrder));
  const std::uint64_t ids = record.ids.load(kOrder);
  found.pid = static_cast<std::uint32_t>(ids);
  found.tgid = static_cast<std::uint32_t>(ids >> 32);
  found.comm = std::bit_cast<decltype(found.comm)>(
      Comm{record.comm[0].load(kOrder), record.comm[1].load(kOrder)});
  return true;
}

void PageOwners::print_code(Text& text, const void* address) const {
  char storage[128];
  BufferSink name(storage, sizeof storage);
  text.ch(' ');
  if (host_.name_code(address, name))
    text.str(name.text());
  else
    text.str("0x").hex(word_of(address));
}

void PageOwners::log(PageIndex index) const {
  PageOwner owner;
  if (!look_up(index, owner)) {
    host_.log("page_owner info is not present (never set?)");
    return;
  }
  LogLine(host_)->str("page_owner tracks the page as ")
      .str(owner.allocated ? "allocated" : "freed");
  {
    LogLine line(host_);
    line->str("page last allocated via order ").dec(owner.order.raw()).str(", migratetype ")
        .str(name_of(migrate_type(owner.gfp))).str(", gfp_mask 0x").hex(raw(owner.gfp)).ch('(');
    print(*line, owner.gfp);
    line->str("), pid ").dec(owner.pid).str(", tgid ").dec(owner.tgid).str(" (")
        .str(owner.comm.data()).str("), ts ").dec(owner.allocated_ns).str(", free_ts ")
        .dec(owner.freed_ns);
  }
  print_code(*LogLine(host_), owner.caller);
  if (owner.freed_by == nullptr) {
    host_.log("page_owner free stack trace missing");
    return;
  }
  host_.log("page last free stack trace:");
  print_code(*LogLine(host_), owner.freed_by);
}

}  // namespace quire
