// The access engine: programs run as fibers on the virtual CPUs of a booted machine. Each access
// goes through the CPU's translation caches, the page tables, and, where those do not allow it, a
// fault; each call through the machine's own. Time is virtual, by a cost model.
//
//   Engine engine({host, machine, floor}, options);
//   engine.start("sort", std::move(program));
//   engine.run();                  what happened is in processes(), faults(), now_ns()
//
// Order      A thread has one CPU: the one that was asked for its process or its parent, or that
//            with the fewest threads. It runs a turn, then CPUs whose clocks are behind go on;
//            after its slice the others of its CPU have theirs. All of it follows from machine,
//            programs and seed.
// Memory     Accesses need no content of frames. With `verify` the machine keeps it, each write
//            puts a stamp into its page, and every read must find what the model of stamps.hpp has.
// Short      When no page can be had, the process with most memory is killed as Linux's OOM killer
//            would have it, and the log says so.
// Ownership  Borrows host, machine and floor, which outlive it; owns programs and files, so that
//            processes which are left when it goes are not to be touched any more. Nothing else
//            runs processes of the machine, whose translation caches are modelled.
// Locking    One OS thread. run() from outside of tasks.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/cost_model.hpp"
#include "engine/files.hpp"
#include "engine/live_process.hpp"
#include "engine/program.hpp"
#include "engine/stamps.hpp"
#include "hosts/sim/sim_host.hpp"
#include "machine/machine.hpp"

namespace quire {

class ProgramThread;

// Sees a run as it goes on. Called on a CPU of the machine, between two actions of programs.
class RunObserver {
 public:
  // `now_ns` ascends but for what one CPU is ahead of another. When to call again.
  virtual std::uint64_t sample(std::uint64_t now_ns) = 0;

 protected:
  ~RunObserver() = default;
};

struct EngineOptions {
  CostModel cost{};
  bool verify = false;
  std::optional<std::uint64_t> until_ns{};
  std::optional<std::uint64_t> until_fault{};  // how many faults there have been
  const std::atomic<bool>* interrupted = nullptr;
};

enum class RunEnd : std::uint8_t { kFinished, kUntil, kInterrupted, kVerifyFailed };

class Engine final : private AllocHelpers {
 public:
  struct Parts {
    SimHost& host;
    Machine& machine;
    ProcessFloor& floor;
  };
  Engine(const Parts& parts, const EngineOptions& options);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // A process that begins with the run, on `cpu` with all that it starts. Errors: kNoMemory.
  Result<void> start(const std::string& name, std::unique_ptr<Program> program,
                     std::optional<CpuId> cpu = {});
  // Each is called at its own times, and once more when the run is over.
  void observe(RunObserver& observer) { observers_.push_back({observer}); }
  RunEnd run();

  // Every process there has been, in the order of their beginnings.
  [[nodiscard]] const std::vector<std::unique_ptr<LiveProcess>>& processes() const {
    return processes_;
  }
  [[nodiscard]] const FaultCounts& faults() const { return faults_; }
  [[nodiscard]] std::uint64_t fault_count() const { return fault_count_; }
  [[nodiscard]] std::uint64_t now_ns() const { return now_ns_; }
  [[nodiscard]] TlbCounts tlb_counts() const;
  // What --verify found wrong; empty: nothing.
  [[nodiscard]] const std::string& mismatch() const { return mismatch_; }

 private:
  friend class ProgramThread;
  struct Observed {
    RunObserver& observer;
    std::uint64_t next_ns = 0;
  };

  void switched(CpuContext& cpu);
  CpuContext& least_busy_cpu();
  LiveProcess& add_process(Process& process, const std::string& name);
  void spawn(LiveProcess& live, std::unique_ptr<Program> program);
  void thread_ended(LiveProcess& live, CpuContext& cpu);
  void end_process(LiveProcess& live);
  void close_files(LiveProcess& live);
  void stop(RunEnd why);
  void tick(std::uint64_t now_ns);
  void count_fault(LiveProcess& live, FaultKind kind);

  bool kill_for(const AllocRequest& request) override;
  LiveProcess* worst() const;
  void report_kill(const AllocRequest& request, LiveProcess& victim);

  const Parts parts_;
  const EngineOptions options_;
  TlbModel& tlb_;
  FileStore files_;
  SharedStamps stamps_;
  std::vector<std::unique_ptr<LiveProcess>> processes_;
  std::vector<std::unique_ptr<ProgramThread>> threads_;
  std::unordered_map<const Task*, Process*> by_task_;
  std::vector<unsigned> threads_on_;  // by CPU
  std::vector<Observed> observers_;
  FaultCounts faults_{};
  std::uint64_t fault_count_ = 0;
  std::uint64_t now_ns_ = 0;
  std::optional<RunEnd> stopped_;
  std::string mismatch_;
  LiveProcess* victim_ = nullptr;     // killed and not gone yet
  std::uint64_t killed_ns_ = 0;
};

}  // namespace quire
