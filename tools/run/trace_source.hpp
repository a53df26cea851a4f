// What a trace's programs share: the reader, and whose turn it is. For tools/run/trace_program.hpp.
//
// Locking  One OS thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tools/run/trace_program.hpp"

namespace quire::run {

class TraceSource : public std::enable_shared_from_this<TraceSource> {
 public:
  TraceSource(std::unique_ptr<trace::TraceReader> reader, std::shared_ptr<unsigned> progress)
      : reader_(std::move(reader)), progress_(std::move(progress)) {}

  std::unique_ptr<Program> make_program(trace::ThreadId thread, trace::ProcessId process);
  Action next(trace::ThreadId thread, const Reply& last);
  void gone(trace::ThreadId thread);

 private:
  friend struct CallPlanner;  // trace_calls.cpp
  struct Thread {
    trace::ProcessId process{};
    std::deque<trace::Access> accesses;  // of the present stretch, not yet done
    bool busy = false;                   // it has not done all of them
    bool over = false;                   // its process ended it
    std::uint64_t wait_ns = 0;
    std::vector<PageAccess> batch;
  };

  void read_stretch();
  [[nodiscard]] std::optional<Touch> take_batch(Thread& thread);
  void take_accesses(Thread& thread);
  Action begin_call();
  Action end_call(const Reply& last);
  void end_others(trace::ThreadId but, trace::ProcessId process);
  Action wait(Thread& thread);
  void add_file(trace::File file);
  void need_file(trace::ProcessId process, std::uint32_t file);
  void plan(const trace::Event& event);
  void plan_segment(const trace::Segment& segment, trace::ProcessId process);
  void plan_stack(const trace::Stack& stack);
  void plan_map(const trace::Mmap& call, trace::ProcessId process);

  static constexpr std::size_t kBatch = 4096;      // page accesses
  static constexpr std::size_t kStretch = 65'536;  // events

  std::unique_ptr<trace::TraceReader> reader_;
  std::shared_ptr<unsigned> progress_;  // null: nobody wants to know
  std::map<trace::ThreadId, Thread> threads_;
  std::size_t busy_ = 0;
  std::optional<trace::Event> call_;  // that ends the present stretch
  std::deque<Action> script_;         // what is left to do of it, first to last
  std::vector<PageAccess> touched_;   // by the kernel, as a part of it
  bool calling_ = false;              // it has begun
  bool may_fail_ = false;
  bool at_end_ = false;
  std::string error_;
  std::map<std::uint32_t, trace::File> files_;
  std::map<std::string, unsigned> paths_;  // how many of the files have it
  std::set<std::pair<trace::ProcessId, std::uint32_t>> opened_;
};

}  // namespace quire::run
