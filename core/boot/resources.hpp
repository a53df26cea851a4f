// The rows of /proc/iomem that describe memory: the firmware map and the kernel's sections in it.
// Devices are not ours to list, nor is the space behind RAM that is kept clear of them: a PC's
// root bus has taken it.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/base.hpp"
#include "boot/arena_vector.hpp"
#include "boot/firmware_map.hpp"
#include "boot/machine_spec.hpp"
#include "host/host.hpp"

namespace quire {

struct ResourceRow {
  PhysRange range;         // bytes; a row is printed with its last byte
  std::string_view name;   // "System RAM", "Reserved", "Kernel code", ...
  std::uint8_t depth = 0;  // 1: within the last row of depth 0 before it
};

// The rows of memory that was added while running: "System RAM", a row for what was added at once,
// less what has gone.
class AddedResources {
 public:
  explicit AddedResources(Arena& arena) : rows_(arena) {}

  // Errors: kNoMemory.
  Result<void> add(PhysRange range);
  Result<void> remove(PhysRange range);
  [[nodiscard]] std::span<const ResourceRow> rows() const { return rows_.span(); }

 private:
  ArenaVector<ResourceRow> rows_;  // ascending
};

// Ascending; names live as long as the arena. Logs the "reserve RAM buffer" lines.
Result<std::span<const ResourceRow>> make_resources(const FirmwareMap& map,
                                                    std::span<const KernelRange> image,
                                                    Arena& arena, Host& host);

}  // namespace quire
