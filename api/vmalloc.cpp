// Memory at addresses of the machine's kernel space, and flushes of translation caches.
#include <cstring>

#include "api/arguments.hpp"

using quire::Bytes;
using quire::Errno;
using quire::Gfp;
using quire::Page;
using quire::VirtAddr;
using quire::VirtRange;
using quire::VmallocSpace;
using quire::VmapFlags;
using quire::api::AreaKind;
using quire::api::Call;
using quire::api::fail;
using quire::api::find;
using quire::api::flags_of;
using quire::api::node_of;
using quire::api::refuse;
using quire::api::to_c;

namespace {

VirtAddr address_of(const void* pointer) {
  return VirtAddr{reinterpret_cast<std::uintptr_t>(pointer)};
}
void* to_pointer(VirtAddr address) { return reinterpret_cast<void*>(address.raw()); }

// Callers have it from here on.
void* hand_out(quire_machine& machine, VirtAddr at, quire::api::Areas::Area area) {
  if (at == VirtAddr{}) return refuse(Errno::kNoMemory, "no memory of that size");
  area.size = size_of(pages_to_hold(area.size));
  machine.areas.add(at, area);
  return to_pointer(at);
}

void* allocate(quire_machine* machine, const VmallocSpace::Ask& ask) {
  if (machine == nullptr) return refuse(Errno::kInvalid, "no machine");
  if (ask.size == Bytes{}) return refuse(Errno::kInvalid, "no size");
  const Call call(*machine);
  return hand_out(*machine, machine->machine->vmalloc().allocate(ask),
                  {ask.size, AreaKind::kAllocated});
}

int give_back(quire_machine* machine, void* address, AreaKind kind) {
  if (machine == nullptr) return fail(Errno::kInvalid, "no machine");
  if (address == nullptr) return 0;
  if (!machine->areas.take(address_of(address), kind))
    return fail(Errno::kInvalid, "not allocated memory, or no mapping");
  const Call call(*machine);
  machine->machine->vmalloc().vfree(address_of(address));
  return 0;
}

// Lies in frames, all of it.
bool is_content(const quire_machine& machine, VirtRange range) {
  for (VirtAddr at = range.start; at < range.end;
       at = at.align_down(quire::kPageSize) + quire::kPageSize)
    if (machine.page_at(to_pointer(at)) == nullptr) return false;
  return true;
}

// Calls copy(space) or, where `address` is one of the caller's own as well, copy_here().
template <class Copy, class CopyHere>
int64_t copy(quire_machine* machine, VirtRange range, Copy copy, CopyHere copy_here) {
  if (machine == nullptr) return fail(Errno::kInvalid, "no machine");
  if (range.end < range.start) return fail(Errno::kFault, "not allocated memory");
  if (range.empty()) return 0;
  if (machine->areas.hold(range.start, range.length())) {
    const Call call(*machine);
    copy(machine->machine->vmalloc());
  } else if (is_content(*machine, range)) {
    copy_here();
  } else {
    return fail(Errno::kFault, "not allocated memory");
  }
  return static_cast<int64_t>(range.length().raw());
}

}  // namespace

extern "C" {

void* quire_vmalloc(quire_machine* machine, size_t size) {
  return allocate(machine, {.size = Bytes{size}, .caller = "quire_vmalloc"});
}

void* quire_vzalloc(quire_machine* machine, size_t size) {
  return allocate(machine, {.size = Bytes{size}, .gfp = Gfp::kKernel | Gfp::kZero,
                            .caller = "quire_vzalloc"});
}

void* quire_vmalloc_user(quire_machine* machine, size_t size) {
  return allocate(machine, {.size = Bytes{size}, .gfp = Gfp::kKernel | Gfp::kZero,
                            .flags = VmapFlags::kUserMap, .caller = "quire_vmalloc_user"});
}

void* quire_vmalloc_node(quire_machine* machine, size_t size, quire_gfp_t gfp, int node) {
  if (machine == nullptr) return refuse(Errno::kInvalid, "no machine");
  const auto from = node_of(*machine, node);
  if (!from) return refuse(Errno::kInvalid, "no such node");
  return allocate(machine, {.size = Bytes{size}, .gfp = flags_of(gfp), .node = *from,
                            .caller = "quire_vmalloc_node"});
}

void* quire_vmalloc_huge(quire_machine* machine, size_t size, quire_gfp_t gfp) {
  return allocate(machine, {.size = Bytes{size}, .gfp = flags_of(gfp),
                            .flags = VmapFlags::kAllowHuge, .caller = "quire_vmalloc_huge"});
}

int quire_vfree(quire_machine* machine, void* address) {
  return give_back(machine, address, AreaKind::kAllocated);
}

void* quire_vmap(quire_machine* machine, quire_page* const* pages, size_t count) {
  if (machine == nullptr) return refuse(Errno::kInvalid, "no machine");
  if (pages == nullptr || count == 0) return refuse(Errno::kInvalid, "no pages");
  if (count > machine->machine->nodes().managed_pages())
    return refuse(Errno::kNoMemory, "more pages than the machine has");
  for (size_t i = 0; i < count; ++i)
    if (find(machine, pages[i]) == nullptr) return nullptr;
  const Call call(*machine);
  const std::span<Page* const> shown(reinterpret_cast<Page* const*>(pages), count);
  const VirtAddr at = machine->machine->vmalloc().vmap(shown, quire::Prot::kKernel, "quire_vmap");
  return hand_out(*machine, at, {size_of(quire::PageCount{count}), AreaKind::kMapped});
}

int quire_vunmap(quire_machine* machine, void* address) {
  return give_back(machine, address, AreaKind::kMapped);
}

void* quire_kvmalloc(quire_machine* machine, size_t size, quire_gfp_t gfp) {
  return quire_kvmalloc_node(machine, size, gfp, QUIRE_NO_NODE);
}

void* quire_kvmalloc_node(quire_machine* machine, size_t size, quire_gfp_t gfp, int node) {
  if (machine == nullptr) return refuse(Errno::kInvalid, "no machine");
  const auto from = node_of(*machine, node);
  if (!from) return refuse(Errno::kInvalid, "no such node");
  const Call call(*machine);
  void* const memory = machine->machine->kmalloc().kvmalloc(size, flags_of(gfp), *from);
  if (quire_is_vmalloc_addr(machine, memory) != 1)
    return memory == nullptr ? refuse(Errno::kNoMemory, "no memory of that size") : memory;
  return hand_out(*machine, address_of(memory), {Bytes{size}, AreaKind::kAllocated});
}

int quire_kvfree(quire_machine* machine, void* memory) {
  return machine != nullptr && quire_is_vmalloc_addr(machine, memory) == 1
             ? quire_vfree(machine, memory)
             : quire_kfree(machine, memory);
}

int quire_is_vmalloc_addr(const quire_machine* machine, const void* address) {
  if (machine == nullptr) return fail(Errno::kInvalid, "no machine");
  return machine->machine->vmalloc().is_vmalloc_address(address_of(address));
}

quire_page* quire_vmalloc_to_page(quire_machine* machine, const void* address) {
  if (quire_is_vmalloc_addr(machine, address) != 1)
    return refuse(Errno::kInvalid, "no machine, or no address of vmalloc's");
  const Call call(*machine);
  Page* const page = machine->machine->vmalloc().to_page(address_of(address));
  return page == nullptr ? refuse(Errno::kFault, "nothing is mapped there") : to_c(page);
}

int64_t quire_vmalloc_read(quire_machine* machine, const void* address, void* into, size_t size) {
  if (into == nullptr && size != 0) return fail(Errno::kInvalid, "no buffer");
  const VirtAddr at = address_of(address);
  const std::span bytes(static_cast<std::byte*>(into), size);
  return copy(machine, {at, at + Bytes{size}},
              [&](const VmallocSpace& space) { (void)space.read(at, bytes); },
              [&] { std::memcpy(into, address, size); });
}

int64_t quire_vmalloc_write(quire_machine* machine, void* address, const void* from,
                            size_t size) {
  if (from == nullptr && size != 0) return fail(Errno::kInvalid, "no buffer");
  const VirtAddr at = address_of(address);
  const std::span bytes(static_cast<const std::byte*>(from), size);
  return copy(machine, {at, at + Bytes{size}},
              [&](VmallocSpace& space) { (void)space.write(at, bytes); },
              [&] { std::memcpy(address, from, size); });
}

int quire_vm_unmap_aliases(quire_machine* machine) {
  if (machine == nullptr) return fail(Errno::kInvalid, "no machine");
  const Call call(*machine);
  machine->machine->vmalloc().purge();
  return 0;
}

int quire_flush_tlb_all(quire_machine* machine) {
  if (machine == nullptr) return fail(Errno::kInvalid, "no machine");
  const Call call(*machine);
  machine->machine->mmu().tlb().flush_all();
  return 0;
}

int quire_flush_tlb_kernel_range(quire_machine* machine, const void* start, size_t size) {
  const VirtRange range{address_of(start), address_of(start) + Bytes{size}};
  // Nor does it end with the last page: the next address would be 0.
  constexpr VirtAddr kEnd = VirtAddr{~std::uint64_t{0}}.align_down(quire::kPageSize);
  if (machine == nullptr || range.end < range.start || range.end > kEnd)
    return fail(Errno::kInvalid, "no machine, or no range");
  const Call call(*machine);
  machine->machine->mmu().tlb().flush_kernel_range(range);
  return 0;
}

}  // extern "C"
