// What is done to pages beyond handing them over: clearing, poisoning, and the reports about pages
// in a state they must not be in.
//
// What is asked for with __GFP_ZERO is always cleared. What switches do to every page is left out on
// a machine that does not keep frames' content (frame_content).
//
// Locking  None of its own; works on pages that belong to the caller, or only reads.
// Cost     Nothing while off: hot paths test one flag (hooked()).
// Source   init_on_alloc= and page_poison= in the kernel's
//          parameters; the wording of reports as the kernel prints it.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/base.hpp"
#include "boot/boot.hpp"
#include "host/host.hpp"
#include "memmap/memmap.hpp"
#include "page_alloc/request.hpp"

namespace quire {

class PageDebug {
 public:
  PageDebug(Host& host, MemoryMap& map) : host_(host), map_(map) {}

  // Takes the switches of the profile.
  void init(const KernelProfile& profile);

  // Whether after_alloc() must be called for every allocation, and before_free() for every free.
  [[nodiscard]] bool hooked() const { return hooked_; }

  // The block was just handed out. `pages` of it are clean or poisoned as they lay free.
  void after_alloc(Page& head, const AllocRequest& request);
  // The block is about to be free.
  void before_free(Page& head, Order order);

  // A page is in a state in which nobody may free or allocate it. It is left alone: leaked.
  void report_bad_page(const Page& page, std::string_view why);
  // "page allocation failure", unless the caller wants none or too many were printed just now.
  void report_failure(const AllocRequest& request);

  [[nodiscard]] std::uint64_t bad_pages() const { return bad_pages_; }

 private:
  void clear(Page& head, Order order);
  void poison(Page& head, Order order);
  void check_poison(const Page& head, Order order);
  [[nodiscard]] bool may_print_failure();

  Host& host_;
  MemoryMap& map_;
  bool hooked_ = false;
  bool init_on_alloc_ = false;
  bool init_on_free_ = false;
  bool poisoning_ = false;
  bool panic_on_warn_ = false;
  std::uint64_t bad_pages_ = 0;
  std::uint64_t window_start_ns_ = 0;  // of the limit on failure reports
  std::uint32_t window_prints_ = 0;
};

}  // namespace quire
