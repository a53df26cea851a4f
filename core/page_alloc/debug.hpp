// What is done to pages beyond handing them over: clearing, poisoning, records of their owners,
// and the reports about pages in a state they must not be in and about requests that failed.
//
// What is asked for with __GFP_ZERO is always cleared. What switches do to every page's content is
// left out on a machine that does not keep it (frame_content).
//
// Locking  None of its own; works on pages that belong to the caller, or only reads.
// Cost     Nothing while off: hot paths test one flag (hooked()).
// Source   init_on_alloc=, page_poison= and page_owner= in the kernel's parameters; reports as a
//          running kernel prints them (tests/oracle/reports).
#pragma once

#include <cstdint>
#include <string_view>

#include "base/base.hpp"
#include "boot/boot.hpp"
#include "host/host.hpp"
#include "memmap/memmap.hpp"
#include "page_alloc/failures.hpp"
#include "page_alloc/page_owner.hpp"
#include "page_alloc/request.hpp"
#include "page_alloc/trace.hpp"

namespace quire {

class PageDebug {
 public:
  PageDebug(Host& host, MemoryMap& map) : host_(host), map_(map), trace_(map), owners_(host, map) {}

  // Takes the switches of the profile. Errors: kNoMemory, for page_owner's records.
  Result<void> init(const KernelProfile& profile, ArchProfile arch, Arena& arena);

  // Whether after_alloc() must be called for every allocation, and before_free() for every free.
  [[nodiscard]] bool hooked() const { return hooked_ || trace_.on() || failures_ != nullptr; }

  // The block was just handed out. `pages` of it are clean or poisoned as they lay free.
  void after_alloc(Page& head, const AllocRequest& request);
  // The block is about to be free; `caller` is an address in the code that frees it.
  void before_free(Page& head, Order order, const void* caller);

  // A page is in a state in which nobody may free or allocate it. It is left alone: leaked.
  void report_bad_page(const Page& page, std::string_view why);
  // "page allocation failure" and how memory stands, unless the caller wants none, too many were
  // printed just now, or DMA memory is asked for and there is none.
  void report_failure(const AllocRequest& request, const Nodes& nodes);

  // PageAllocator::fail_by() is how it is called.
  void set_failures(AllocFailures* failures) { failures_ = failures; }
  [[nodiscard]] bool refuses(Gfp gfp) const {
    return failures_ != nullptr && !any(gfp & Gfp::kNoFail) && failures_->refuses(gfp);
  }

  [[nodiscard]] std::uint64_t bad_pages() const { return bad_pages_; }
  [[nodiscard]] PageTrace& trace() { return trace_; }
  [[nodiscard]] PageOwners& owners() { return owners_; }
  [[nodiscard]] const PageOwners& owners() const { return owners_; }

 private:
  void clear(Page& head, Order order);
  void poison(Page& head, Order order);
  void check_poison(const Page& head, Order order);
  [[nodiscard]] bool may_print_bad_page();

  Host& host_;
  MemoryMap& map_;
  PageTrace trace_;
  PageOwners owners_;
  AllocFailures* failures_ = nullptr;
  ArchProfile arch_{};
  bool hooked_ = false;
  bool init_on_alloc_ = false;
  bool init_on_free_ = false;
  bool poisoning_ = false;
  bool panic_on_warn_ = false;
  std::uint64_t bad_pages_ = 0;
  // At most so many reports in a stretch of time that begins with the first.
  struct Limit {
    std::uint64_t start_ns = 0;
    std::uint32_t prints = 0;
    std::uint32_t dropped = 0;
  };
  struct Rate {
    std::uint32_t most;
    std::uint64_t window_ns;
  };
  [[nodiscard]] bool may_print(Limit& limit, Rate rate);
  Limit bad_page_limit_;
  Limit failure_limit_;
};

}  // namespace quire
