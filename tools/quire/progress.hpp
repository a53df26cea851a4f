// How far a run is, as a line on the terminal that is redrawn as it goes on: a bar where all that
// runs are traces, else the machine's clock and faults alone.
//
// Ownership  Borrows the engine; `traces` are shared with the programs (run/trace_program.hpp).
#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "engine/engine.hpp"

namespace quire::tools {

class Progress final : public RunObserver {
 public:
  using Traces = std::vector<std::shared_ptr<unsigned>>;
  Progress(const Engine& engine, const Traces& traces) : engine_(engine), traces_(traces) {}
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  // Takes the line away.
  ~Progress();

  // Whether stderr is a terminal.
  static bool wanted();
  std::uint64_t sample(std::uint64_t now_ns) override;

 private:
  using Clock = std::chrono::steady_clock;
  void draw(std::uint64_t now_ns) const;

  const Engine& engine_;
  const Traces& traces_;
  Clock::time_point next_{};
  bool drawn_ = false;
};

}  // namespace quire::tools
