// One page of physical memory while a run goes on: what holds it, who maps it, which list it is
// on, and what it was before.
//
// History    The page is looked at whenever the engine calls, so after each turn of a thread (20 us
//            of its clock): what comes and goes within one is not seen.
// Ownership  Borrows engine and machine.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/engine.hpp"

namespace quire::run {

class PageWatch final : public RunObserver {
 public:
  PageWatch(Engine& engine, Machine& machine, Pfn frame)
      : engine_(engine), machine_(machine), frame_(frame) {}

  std::uint64_t sample(std::uint64_t now_ns) override;
  // As things are now, and the history. On a CPU of the machine.
  [[nodiscard]] std::string text() const;

 private:
  struct State {
    std::string holds;
    std::string list;
    std::uint64_t flags = 0;  // as in /proc/kpageflags
    std::uint64_t mappings = 0;
    bool operator==(const State&) const = default;
  };
  struct Change {
    std::uint64_t time_ns;
    State state;
  };
  [[nodiscard]] State look() const;
  [[nodiscard]] std::string holder(std::uint64_t flags) const;
  [[nodiscard]] std::string list(std::uint64_t flags) const;
  [[nodiscard]] std::string users() const;

  Engine& engine_;
  Machine& machine_;
  const Pfn frame_;
  std::vector<Change> history_;
};

}  // namespace quire::run
