// What the core knows of the CPU it runs on and of the task that runs there.
//
// Ownership  One context a CPU, owned by its machine. While a thread or fiber is attached to the
//            CPU, it alone writes the context.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/base.hpp"

namespace quire {

class Host;

// What allocation asks of the task it serves (the fields of task_struct that mm/ reads). The task
// itself changes its flags.
class Task {
 public:
  // Values are Linux's PF_ flags of the same name.
  static constexpr std::uint32_t kMemalloc = 0x00000800;      // it frees memory: may use reserves
  static constexpr std::uint32_t kMemallocNofs = 0x00040000;  // its allocations imply no __GFP_FS
  static constexpr std::uint32_t kMemallocNoio = 0x00080000;  // nor __GFP_IO
  static constexpr std::uint32_t kMemallocPin = 0x10000000;   // its pages get pinned: not movable

  std::uint32_t pid = 0;   // 0: a CPU's idle task
  std::uint32_t tgid = 0;  // the process that it is a thread of
  bool oom_victim = false;
  bool real_time = false;
  static constexpr std::size_t kNameSize = 16;
  std::array<char, kNameSize> comm{};  // its name in reports; the last byte is zero

  [[nodiscard]] std::string_view name() const { return comm.data(); }
  void set_name(std::string_view name) {
    comm = {};
    for (std::size_t i = 0; i < name.size() && i + 1 < kNameSize; ++i) comm[i] = name[i];
  }

  [[nodiscard]] std::uint32_t flags() const { return flags_; }
  // memalloc_noio_save() and the like: sets `flags`; returns what to give back to restore().
  std::uint32_t enter_scope(std::uint32_t flags) { return change(flags_ | flags); }
  void restore(std::uint32_t saved) { change(saved); }

  // The bits of a gfp mask that the shortest path of allocation cannot serve for this task.
  [[nodiscard]] std::uint32_t whole_path_gfp() const { return whole_path_gfp_; }

 private:
  static constexpr std::uint32_t kZeroOrThisNode = 0x00200100;  // __GFP_ZERO, __GFP_THISNODE
  static constexpr std::uint32_t kMovable = 0x00000008;         // __GFP_MOVABLE

  std::uint32_t change(std::uint32_t flags) {
    const std::uint32_t old = flags_;
    flags_ = flags;
    whole_path_gfp_ = kZeroOrThisNode | ((flags & kMemallocPin) != 0 ? kMovable : 0);
    return old;
  }

  std::uint32_t flags_ = 0;
  std::uint32_t whole_path_gfp_ = kZeroOrThisNode;
};

struct CpuContext {
  std::byte* percpu = nullptr;  // base of this CPU's per-CPU area
  Task* task = nullptr;         // never null while the machine runs: a CPU idles in its idle task
  Host* host = nullptr;
  std::uint32_t spinlocks_held = 0;  // a bit for each LockRank held
  CpuId cpu{};
  NodeId node{};
  Task idle_task;
  const void* machine = nullptr;  // which machine this is a CPU of; an identity, never followed
};

}  // namespace quire
