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

// All rows, ascending, a row within another behind it. Names live as long as the arena.
class Resources {
 public:
  explicit Resources(Arena& arena) : arena_(arena), rows_(arena) {}

  // What boot knows. Logs the "reserve RAM buffer" lines. Errors: kNoMemory.
  Result<void> init(const FirmwareMap& map, std::span<const KernelRange> image, Host& host);

  // Memory that comes while the machine runs has a row of its own; where memory goes, rows of
  // "System RAM" shrink, or fall in two. Errors: kNoMemory; nothing has changed then.
  Result<void> add_ram(PhysRange range);
  Result<void> remove_ram(PhysRange range);

  [[nodiscard]] std::span<const ResourceRow> rows() const { return rows_.span(); }

 private:
  Result<void> insert(const ResourceRow& row);
  Result<void> add_image_part(const KernelRange& part, std::span<const FirmwareRange> map);

  Arena& arena_;
  ArenaVector<ResourceRow> rows_;
};

}  // namespace quire
