// A process that the engine runs, and what it keeps of it: while it lives, and for the record when
// it has gone.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "engine/stamps.hpp"
#include "filemap/filemap.hpp"
#include "mm/mm.hpp"

namespace quire {

// What a fault came to.
enum class FaultKind : std::uint8_t {
  kAnonymous,   // a new page of zeros
  kZeroPage,    // the zero page, for a read
  kZeroWrite,   // a new page where the zero page was
  kCopy,        // of a page that others have too
  kReuse,       // a page that nobody else has any more is written in place
  kFileMapped,  // a page of a file, or of shared memory, that was in memory or needs no reading
  kFileRead,    // one that had to be read: a major fault
  kFileCopy,    // written to at once, so copied
  kShared,      // a shared page is written for the first time
  kSpurious,    // nothing was to be done
};
inline constexpr unsigned kFaultKinds = 10;
constexpr unsigned index_of(FaultKind kind) { return static_cast<unsigned>(kind); }
const char* name_of(FaultKind kind);
using FaultCounts = std::array<std::uint64_t, kFaultKinds>;

struct LiveProcess {
  enum class State : std::uint8_t {
    kRunning,
    kExited,
    kSignalled,  // an access that is not allowed: SIGSEGV or SIGBUS
    kKilled,     // for memory
    kBroken,     // its program could not go on
  };

  Process* process = nullptr;  // null: it is gone
  std::string name;
  std::uint32_t pid = 0;
  std::uint32_t parent = 0;
  State state = State::kRunning;
  std::string why;             // of an end that was none of its own
  unsigned threads = 0;
  std::optional<CpuId> cpu;    // that its threads and children run on; none: wherever is room
  std::map<int, File*> files;  // by descriptor
  StampMap stamps;             // what its private pages hold, where that is checked

  std::uint64_t started_ns = 0;
  std::uint64_t ended_ns = 0;
  std::uint64_t accesses = 0;
  std::uint64_t minor_faults = 0;
  std::uint64_t major_faults = 0;
  FaultCounts faults{};
  // In pages: as they were last, and the most that was resident at once.
  std::uint64_t peak_resident = 0, anonymous = 0, file = 0, shmem = 0;

  [[nodiscard]] bool ending() const { return state != State::kRunning; }
};
const char* name_of(LiveProcess::State state);

// Takes the figures of its memory over, which its address space knows.
void refresh(LiveProcess& live);

}  // namespace quire
