// One thread of a process that the engine runs: asks its program for actions and does them, on its
// CPU, at their cost. For engine/engine.hpp.
#pragma once

#include <memory>
#include <vector>

#include "engine/engine.hpp"

namespace quire {

class ProgramThread {
 public:
  ProgramThread(Engine& engine, LiveProcess& live, CpuContext& cpu,
                std::unique_ptr<Program> program);

  void run();  // the fiber's body
  [[nodiscard]] bool finished() const { return finished_; }

 private:
  // Whether the thread is to go on.
  [[nodiscard]] bool goes_on() const { return !engine_.stopped_ && !live_.ending(); }
  [[nodiscard]] Process& process() const { return *live_.process; }
  [[nodiscard]] Mm& mm() const { return *live_.process->mm; }
  [[nodiscard]] Caller caller() const { return engine_.parts_.floor.caller(*live_.process); }

  // Accesses (accesses.cpp) -----------------------------------------------------------------------
  Reply act(const Touch& touch);
  std::size_t touch_hits(std::span<const PageAccess> accesses);
  template <std::size_t kExpected>
  std::size_t touch_hits(std::span<const PageAccess> accesses);
  std::size_t touch_checked(std::span<const PageAccess> accesses);
  bool check(PageAccess access, std::byte* content);
  Stamp ask(const SharedStamps::Place& place, const std::byte* content);
  void check_copy(VirtAddr at);
  void fault(PageAccess access);
  void fault_failed(FaultEnd end, VirtAddr at);
  FaultKind kind_of(VirtAddr at, FaultEnd end, const std::optional<Translation>& before);
  void count_walk(const std::byte* content);

  // Calls (calls.cpp) -----------------------------------------------------------------------------
  Reply act(const MapMemory& call);
  Reply act(const UnmapMemory& call);
  Reply act(const ProtectMemory& call);
  Reply act(const AdviseMemory& call);
  Reply act(const LockMemory& call);
  Reply act(const SyncMemory& call);
  Reply act(const RemapMemory& call);
  Reply act(const MoveBreak& call);
  Reply act(const OpenFile& call);
  Reply act(const CloseFile& call);
  Reply act(const DuplicateFile& call);
  Reply act(const ReadFile& call);
  Reply act(const WriteFile& call);
  Reply act(const ResizeFile& call);
  Reply act(const SyncFile& call);
  Reply act(Fork& call);
  Reply act(NewThread& call);
  Reply act(const Execute& call);
  Reply act(const Wait& call);
  Reply act(const End& call);
  Reply act(const Fail& call);
  [[nodiscard]] Result<File*> file_of(int descriptor) const;
  Result<void> resize(File& file, Bytes size);
  void stamp_write(File& file, Bytes from, std::span<std::byte> bytes);
  void check_read(File& file, const FilePart& part, std::span<const std::byte> bytes);
  struct Cut {
    Mapping& mapping;
    PageCount first;
  };
  void cut_copies(const Cut& cut, bool (*goes)(Stamp&));
  struct Stamps {
    std::uint64_t wanted;
    std::uint64_t found;
  };
  void mismatch(std::string where, const Stamps& stamps);

  // Time ------------------------------------------------------------------------------------------
  void charge_ps(std::uint64_t cost_ps);
  void charge_ns(std::uint64_t cost_ns) { engine_.parts_.host.advance_ns(cost_ns); }
  // What the CPU's caches have counted since mark() is this thread's, and paid for.
  void mark();
  void settle();
  void end_turn();

  static constexpr std::uint64_t kTurnNs = 20'000;
  static constexpr std::size_t kChunk = 512;  // accesses between two looks at the clock

  static constexpr std::size_t kAhead = 8;    // so many accesses are looked ahead
  static constexpr std::size_t kOften = 16;   // where more than one in so many walks

  Engine& engine_;
  LiveProcess& live_;
  CpuContext& cpu_;
  CpuTlb& tlb_;
  std::unique_ptr<Program> program_;
  bool ended_ = false;     // by its program
  bool walks_often_ = false;
  bool finished_ = false;  // and nothing runs it any more
  std::uint64_t turn_end_ns_ = 0;
  std::uint64_t slice_end_ns_ = 0;
  std::uint64_t owed_ps_ = 0;  // less than a ns
  TlbCounts marked_;
  std::vector<std::uint64_t> waits_ns_;  // for memory of each zone, by its number
  bool same_waits_ = false;              // all of them are equal
  std::uint64_t memory_ns_ = 0;  // waited for since mark()
  std::uint64_t repeated_ = 0;   // accesses since mark() that were not translated again
};

}  // namespace quire
