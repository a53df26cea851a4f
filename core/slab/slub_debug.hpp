// slub_debug= on the command line: which caches are debugged, and how.
//
//   slub_debug                       everything, of all caches
//   slub_debug=PZ                    poison and red zones, of all
//   slub_debug=,dentry,kmalloc-*     everything, of these
//   slub_debug=FU,dentry;-,filp;P    blocks: some for these, none for those, poison for the rest
//   slub_debug=O                     but not where it would raise the order of slabs
//
//   F sanity checks  Z red zones  P poison  U who used it  T trace  A failures  - nothing
//
// Also what sizes slabs: slub_min_objects=, slub_min_order=, slub_max_order=; and slab_nomerge.
//
// Ownership  Borrows the command line.
// Errors     Letters that mean nothing are told in the log and passed over, as in Linux.
// Source     Documentation/mm/slub.rst, admin-guide/kernel-parameters.txt.
#pragma once

#include <string_view>

#include "boot/boot.hpp"
#include "host/host.hpp"
#include "slab/layout.hpp"

namespace quire {

class SlubDebugOption {
 public:
  SlubDebugOption() = default;
  SlubDebugOption(const CommandLine& line, Host& host);

  // The flags that a cache of that name has, of which it asks for `flags`.
  [[nodiscard]] SlabFlags flags_for(std::string_view name, SlabFlags flags) const;
  // Whether debugging may raise the order of slabs.
  [[nodiscard]] bool may_grow() const { return may_grow_; }
  // Of caches that no block names.
  [[nodiscard]] SlabFlags global() const { return global_; }

 private:
  SlabFlags global_ = SlabFlags::kNone;
  bool may_grow_ = true;
  std::string_view blocks_;  // those that name caches are searched for each cache
};

// By command line; `cpus` are the machine's.
SlabSizing slab_sizing(const CommandLine& line, std::uint32_t cpus);
// Whether caches that may share slabs do; as Debian's kernel has it unless told otherwise.
bool slab_merge(const CommandLine& line);

}  // namespace quire
