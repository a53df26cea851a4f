#include "percpu_area/percpu_area.hpp"

namespace quire {

Result<void> PercpuArea::init(Arena& arena, std::span<const NodeId> cpu_nodes,
                              Bytes static_size) {
  size_ = size_of(pages_to_hold(static_size + kDynamic));
  QUIRE_TRY_ASSIGN(areas, arena.make_array<std::byte*>(cpu_nodes.size()));
  areas_ = areas;
  for (std::size_t cpu = 0; cpu < areas_.size(); ++cpu) {
    QUIRE_TRY_ASSIGN(area, arena.allocate(size_, cpu_nodes[cpu]));
    areas_[cpu] = area;
  }
  const SpinGuard guard(lock_);
  used_ = static_size;
  return {};
}

Result<PercpuOffset> PercpuArea::allocate(Bytes size, Bytes align) {
  const SpinGuard guard(lock_);
  const Bytes start{(used_.raw() + align.raw() - 1) & ~(align.raw() - 1)};
  if (size > size_ || start > size_ - size) return Errno::kNoMemory;
  used_ = start + size;
  return PercpuOffset{static_cast<std::uint32_t>(start.raw())};
}

}  // namespace quire
