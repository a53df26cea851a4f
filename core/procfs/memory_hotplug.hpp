// What the files of memory blocks ask of whoever takes memory on- and offline.
//
// Ranges   One memory block, of sections that are present.
// Errors   kBusy: pages in use. kInvalid: holes, or several zones. kNoMemory: no room for tables.
#pragma once

#include <cstdint>

#include "base/base.hpp"
#include "boot/boot.hpp"

namespace quire {

// The zone that a block goes to when it comes online.
enum class OnlineTo : std::uint8_t {
  kDefault,  // where it lies in the span of one zone: that one; else Normal, or with movable_node
             // on the command line Movable
  kKernel,
  kMovable,
};

class MemoryHotplug {
 public:
  [[nodiscard]] virtual bool is_online(PfnRange block) const = 0;
  [[nodiscard]] virtual ZoneType default_zone(PfnRange block) const = 0;
  virtual Result<void> online(PfnRange block, OnlineTo to) = 0;
  virtual Result<void> offline(PfnRange block) = 0;

 protected:
  ~MemoryHotplug() = default;
};

}  // namespace quire
