#include "engine/live_process.hpp"

namespace quire {

const char* name_of(FaultKind kind) {
  static constexpr const char* kNames[] = {"anonymous",   "zero_page", "zero_write", "copy",
                                           "reuse",       "file_mapped", "file_read",
                                           "file_copy",   "shared_write", "spurious"};
  static_assert(std::size(kNames) == kFaultKinds);
  return kNames[index_of(kind)];
}

const char* name_of(LiveProcess::State state) {
  switch (state) {
    case LiveProcess::State::kRunning: return "running";
    case LiveProcess::State::kExited: return "exited";
    case LiveProcess::State::kSignalled: return "signalled";
    case LiveProcess::State::kKilled: return "killed";
    case LiveProcess::State::kBroken: break;
  }
  return "broken";
}

void refresh(LiveProcess& live) {
  if (live.process == nullptr) return;
  Mm& mm = *live.process->mm;
  mm.note_peaks();
  live.peak_resident = max_of(live.peak_resident, mm.peak_resident.load());
  live.anonymous = mm.rss(Rss::kAnon).raw();
  live.file = mm.rss(Rss::kFile).raw();
  live.shmem = mm.rss(Rss::kShmem).raw();
  live.minor_faults = live.process->minor_faults;
  live.major_faults = live.process->major_faults;
}

}  // namespace quire
