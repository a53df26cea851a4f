#include "page_alloc/debug.hpp"

#include <cstring>

namespace quire {
namespace {

constexpr unsigned char kPoison = 0xaa;

}  // namespace

void PageDebug::init(const KernelProfile& profile) {
  init_on_alloc_ = profile.frame_content && profile.init_on_alloc;
  init_on_free_ = profile.frame_content && profile.init_on_free;
  poisoning_ = profile.frame_content && profile.page_poisoning;
  panic_on_warn_ = profile.panic_on_warn;
  hooked_ = init_on_alloc_ || init_on_free_ || poisoning_;
}

void PageDebug::clear(Page& head, Order order) {
  std::byte* const content = map_.content_of(head);
  for (std::uint64_t i = 0; i < order.pages().raw(); ++i)
    Arch::clear_page(content + i * kPageSize.raw());
}

void PageDebug::after_alloc(Page& head, const AllocRequest& request) {
  if (poisoning_) check_poison(head, request.order);
  const bool already_clean = init_on_free_ && !poisoning_;
  if (any(request.gfp & Gfp::kZero) || (init_on_alloc_ && !already_clean))
    clear(head, request.order);
}

void PageDebug::before_free(Page& head, Order order) {
  std::byte* const content = map_.content_of(head);
  if (poisoning_)
    std::memset(content, kPoison, size_of(order.pages()).raw());
  else if (init_on_free_)
    clear(head, order);
}

void PageDebug::check_poison(const Page& head, Order order) {
  const std::byte* const content = map_.content_of(head);
  for (std::uint64_t i = 0; i < size_of(order.pages()).raw(); ++i) {
    // Memory that was never freed is still as the firmware left it.
    if (content[i] == std::byte{kPoison} || content[i] == std::byte{0}) continue;
    LogLine(host_)->str("pagealloc: memory corruption at pfn 0x").hex(map_.pfn_of(head).raw())
        .str(" offset ").dec(i);
    if (panic_on_warn_) QUIRE_PANIC("pagealloc: memory corruption and panic_on_warn is set");
    return;
  }
}

void PageDebug::report_bad_page(const Page& page, std::string_view why) {
  ++bad_pages_;
  const std::uint64_t pfn = map_.pfn_of(page).raw();
  LogLine(host_)->str("BUG: Bad page state  pfn:").hex(pfn, Width{5});
  LogLine(host_)->str("page: refcount:").sdec(page.refcount).str(" mapcount:")
      .sdec(page.mapcount).str(" mapping:").hex(page.mapping, Width{16}).str(" index:0x")
      .hex(page.index_low).str(" pfn:0x").hex(pfn);
  LogLine(host_)->str("flags: 0x").hex(page.word.raw()).str(" kind ")
      .dec(static_cast<unsigned>(page.word.kind())).str(" order ").dec(page.word.order().raw());
  LogLine(host_)->str("page dumped because: ").str(why);
  if (panic_on_warn_) QUIRE_PANIC("bad page state and panic_on_warn is set");
}

// Ten reports in five seconds are enough to see what is wrong.
bool PageDebug::may_print_failure() {
  constexpr std::uint64_t kWindowNs = 5'000'000'000;
  constexpr std::uint32_t kBurst = 10;
  const std::uint64_t now = host_.now_ns();
  if (window_prints_ == 0 || now - window_start_ns_ >= kWindowNs) {
    window_start_ns_ = now;
    window_prints_ = 0;
  }
  return window_prints_++ < kBurst;
}

void PageDebug::report_failure(const AllocRequest& request) {
  if (any(request.gfp & Gfp::kNoWarn) || !may_print_failure()) return;
  LogLine line(host_);
  line->str("page allocation failure: order:").dec(request.order.raw()).str(", mode:0x")
      .hex(raw(request.gfp)).ch('(');
  print(*line, request.gfp);
  line->str("), nodemask=");
  if (request.nodes == kAllNodes)
    line->str("(null)");
  else
    line->str("0x").hex(request.nodes);
}

}  // namespace quire
