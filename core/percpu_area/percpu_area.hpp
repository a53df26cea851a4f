// The first chunk of per-CPU memory: an area for each CPU, all laid out alike. It begins with what
// lower floors keep for each CPU (static); the rest is handed out while the machine runs.
//
// Units      Offsets are bytes from the start of an area (CpuContext::percpu of its CPU).
// Ownership  Areas come from the arena, near their CPU's node, and live as long as the machine.
// Locking    init() while one CPU boots; allocate() takes a lock of its own.
// Errors     kNoMemory when the areas have no such room left.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/base.hpp"
#include "host/host.hpp"

namespace quire {

enum class PercpuOffset : std::uint32_t {};
constexpr std::uint32_t raw(PercpuOffset offset) { return static_cast<std::uint32_t>(offset); }

// The part of a per-CPU area that lies at `offset`.
template <class T>
T& percpu_at(std::byte* area, std::uint32_t offset) {
  return *reinterpret_cast<T*>(area + offset);
}
template <class T>
T& percpu_at(std::byte* area, PercpuOffset offset) {
  return percpu_at<T>(area, raw(offset));
}

class PercpuArea {
 public:
  // What is left behind the static part. Touched where it is used, like all tables.
  static constexpr Bytes kDynamic = kib(256);

  // An area for each entry of `cpu_nodes`: the nodes of the CPUs.
  Result<void> init(Arena& arena, std::span<const NodeId> cpu_nodes, Bytes static_size);

  [[nodiscard]] std::byte* of(CpuId cpu) const { return areas_[index_of(cpu)]; }
  [[nodiscard]] std::span<std::byte* const> all() const { return areas_; }
  [[nodiscard]] Bytes size() const { return size_; }

  // Zeroed memory at the same offset of every area; `align` is a power of two, at most a page.
  Result<PercpuOffset> allocate(Bytes size, Bytes align);

 private:
  std::span<std::byte*> areas_;
  Bytes size_;
  SpinLock lock_{LockRank::kPercpu};
  Bytes used_ QUIRE_GUARDED_BY(lock_);
};

}  // namespace quire
