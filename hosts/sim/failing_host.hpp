// A host that fails on purpose: wraps another one and refuses some of the memory it is asked for,
// the same ones each time for the same plan.
//
//   for (n = 1; ; ++n) { FailingHost host(sim, {.nth = n}); boot; if (host.refused() == 0) break; }
//
// Ownership  Borrows the host it wraps; everything but refusals is that host's.
// Errors     A refused call returns kNoMemory and never reaches the wrapped host.
#pragma once

#include "hosts/common/forwarding_host.hpp"
#include "hosts/sim/random.hpp"

namespace quire {

struct FailurePlan {
  std::uint64_t nth = 0;         // refuse the n-th call, counted from 1; 0: none by number
  bool from_then_on = false;     // and all calls after it
  std::uint32_t per_mille = 0;   // refuse each call with this probability
  std::uint64_t seed = 0;        // which calls those are
  bool tables = true;            // whether calls of reserve_tables count
  bool frames = true;            // whether calls of reserve_frames and map_frames count
};

class FailingHost final : public ForwardingHost {
 public:
  FailingHost(Host& wrapped, FailurePlan plan)
      : ForwardingHost(wrapped), plan_(plan), random_(plan.seed) {}

  Result<std::byte*> reserve_tables(Bytes size, NodeId node) override {
    if (plan_.tables && refuses()) return Errno::kNoMemory;
    return ForwardingHost::reserve_tables(size, node);
  }
  Result<std::byte*> reserve_frames(PageCount frames) override {
    if (plan_.frames && refuses()) return Errno::kNoMemory;
    return ForwardingHost::reserve_frames(frames);
  }
  Result<void> map_frames(std::byte* at, PfnRange frames, NodeId node) override {
    if (plan_.frames && refuses()) return Errno::kNoMemory;
    return ForwardingHost::map_frames(at, frames, node);
  }
  // Calls that counted, and how many of them were refused.
  [[nodiscard]] std::uint64_t calls() const { return calls_; }
  [[nodiscard]] std::uint64_t refused() const { return refused_; }

 private:
  bool refuses() {
    ++calls_;
    const bool by_number = plan_.nth != 0 && (calls_ == plan_.nth ||
                                              (plan_.from_then_on && calls_ > plan_.nth));
    const bool by_chance = random_.below(1000) < plan_.per_mille;
    if (by_number || by_chance) ++refused_;
    return by_number || by_chance;
  }

  const FailurePlan plan_;
  Random random_;
  std::uint64_t calls_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace quire
