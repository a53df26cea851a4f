// The task that writes dirty pages back before anybody waits for it (kworker's wb_workfn).
//
//   woken          too many pages are dirty: down to the background limit
//   every period   what has been dirty for longer than `expire_ns`, and the same
//
// A round writes at most so many pages, and asks for the next at once while there is more: nobody
// waits long for what a round holds.
//
// Locking  As KernelTask has it.
// Source   Documentation/admin-guide/sysctl/vm.rst (dirty_background_ratio,
//          dirty_writeback_centisecs, dirty_expire_centisecs).
#pragma once

#include "filemap/page_cache.hpp"
#include "host/host.hpp"

namespace quire {

class Flusher final : public KernelTask {
 public:
  Flusher(PageCache& cache, DirtyPolicy& policy)
      : KernelTask("flush"), cache_(cache), policy_(policy) {}

  std::uint64_t round() override;

 private:
  static constexpr PageCount kRound{1024};  // 4 MiB: half a second of a slow disk

  PageCache& cache_;
  DirtyPolicy& policy_;
  std::uint64_t last_ns_ = 0;  // when what was old had all been written
};

}  // namespace quire
