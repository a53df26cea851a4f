// A machine's boot up to the point where its pages can be handed to the page allocator.
//
//   QUIRE_TRY_ASSIGN(plan, BootPlan::make(spec, arena, host));
//   ... memory map and zones by plan->layout() ...
//   plan->for_each_free_pages([&](PfnRange pages, NodeId node) { give(pages, node); });
//   ... watermarks and protection ...
//   for (const LateFreed& freed : plan->late_freed()) give(freed.range);
//
// Ownership  Everything lives in the arena, texts and names of the spec included: the spec is not
//            needed once make() has returned.
// Log        What Linux's boot log says about these steps, line by line.
// Errors     kInvalid   no usable RAM, a node or a CPU's node not below 64, spec.managed too large
//            kRange     more present sections than a memory map has indices for
//            kNoMemory  no memory for tables, or RAM too small for its own memory map
//            Each with a line in the log that says which.
#pragma once

#include <span>

#include "base/base.hpp"
#include "boot/command_line.hpp"
#include "boot/direct_map.hpp"
#include "boot/firmware_map.hpp"
#include "boot/layout.hpp"
#include "boot/machine_spec.hpp"
#include "boot/memblock.hpp"
#include "boot/numa_info.hpp"
#include "boot/reservations.hpp"
#include "boot/resources.hpp"
#include "host/host.hpp"

namespace quire {

class BootPlan {
 public:
  static Result<BootPlan*> make(const MachineSpec& spec, Arena& arena, Host& host);

  // Only for make(), which the arena builds it for.
  BootPlan(Arena& arena, Host& host)
      : arena_(arena),
        host_(host),
        map_(arena),
        memblock_(arena),
        numa_(arena),
        resources_(arena) {}

  [[nodiscard]] const CommandLine& command_line() const { return options_; }
  [[nodiscard]] const FirmwareMap& firmware_map() const { return map_; }
  [[nodiscard]] const Memblock& memblock() const { return memblock_; }
  [[nodiscard]] const NumaInfo& numa() const { return numa_; }
  [[nodiscard]] const Layout& layout() const { return layout_; }
  // The rows of /proc/iomem.
  [[nodiscard]] const Resources& resources() const { return resources_; }
  [[nodiscard]] std::span<const LateFreed> late_freed() const { return late_freed_; }
  // What the kernel maps at boot, and frames for the tables that its image has: the buffer's first.
  [[nodiscard]] const DirectMap& direct_map() const { return direct_map_; }
  [[nodiscard]] std::span<const Pfn> image_tables() const { return image_tables_; }
  [[nodiscard]] PhysRange kernel_image() const { return kernel_image_; }
  // One past the last page of RAM, and past the last below 4 GiB (x86_32: of low memory).
  [[nodiscard]] Pfn max_pfn() const { return max_pfn_; }
  [[nodiscard]] Pfn max_low_pfn() const { return max_low_pfn_; }

  // Calls visit(PfnRange, NodeId) for each range of whole free pages, ascending.
  template <class Visit>
  void for_each_free_pages(Visit visit) const {
    memblock_.for_each_free([&](PhysRange bytes, const MemblockRegion& region) {
      const PfnRange pages{pfn_up(bytes.start), pfn_down(bytes.end)};
      if (!pages.empty()) visit(pages, region.node);
      return true;
    });
  }

  // The pages that the page allocator has in a zone once the boot is over: free ones and those
  // freed late.
  [[nodiscard]] PageCount managed_in(NodeId node, ZoneType zone) const;

  // RAM that came or went while running, not the page allocator's yet or any more.
  [[nodiscard]] Resources& resources() { return resources_; }
  // RAM that came online or went offline, all of it the page allocator's.
  Result<void> add_memory(PfnRange range, NodeId node) {
    return memblock_.add_hotplugged({address_of(range.start), address_of(range.end)}, node);
  }
  Result<void> remove_memory(PfnRange range) {
    return memblock_.remove({address_of(range.start), address_of(range.end)});
  }
  // A range that was reserved is free from now on (late_freed, once given to the page allocator).
  Result<void> free_late(PfnRange range) {
    return memblock_.free({address_of(range.start), address_of(range.end)});
  }

 private:
  Result<void> run(const MachineSpec& spec);
  Result<void> read_command_line(std::string_view text);
  Result<void> read_firmware_map(const MachineSpec& spec);
  Result<void> settle_firmware_map(ArchProfile arch);
  Result<void> find_memory(const MachineSpec& spec);
  Result<void> map_directly(const MachineSpec& spec);
  Result<void> find_nodes(const MachineSpec& spec);
  Result<void> size_zones(const MachineSpec& spec);
  Result<void> take_kernel_memory(const MachineSpec& spec);

  Arena& arena_;
  Host& host_;
  CommandLine options_;
  FirmwareMap map_;
  Memblock memblock_;
  NumaInfo numa_;
  DirectMap direct_map_;
  std::span<const Pfn> image_tables_;
  PhysRange kernel_image_{};
  Layout layout_;
  Resources resources_;
  std::span<const LateFreed> late_freed_;
  Pfn max_pfn_;
  Pfn max_low_pfn_;
};

}  // namespace quire
