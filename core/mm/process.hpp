// Processes: an address space each, a place in the table of pids, and what getrusage() tells.
//
// Ownership  Processes owns every Process from create() or fork() to exit().
// Locking    The table has a lock of its own. A process's fields belong to whoever runs it.
// Errors     kNoMemory; kInvalid: the image's segments overlap or lie outside user addresses.
// Source     Documentation/x86/x86_64/mm.rst, execve(2), brk(2); mm/layout.hpp.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/base.hpp"
#include "fault/fault.hpp"
#include "host/host.hpp"
#include "mm/descriptors.hpp"
#include "mm/layout.hpp"
#include "vma/vma.hpp"

namespace quire {

struct Process {
  explicit Process(Kmalloc& kmalloc) : files(kmalloc) {}

  Task task;
  Mm* mm = nullptr;
  std::uint32_t parent = 0;        // its pid
  std::uint64_t minor_faults = 0;  // ru_minflt, ru_majflt
  std::uint64_t major_faults = 0;
  FaultEnd last_end = FaultEnd::kMinor;
  Descriptors files;
  Process* next = nullptr;         // by pid
};

// What exec finds in a program: its parts, ascending, in whole pages; the heap begins where the
// last one ends. One that may lie anywhere goes where programs of its kind do when it names an
// interpreter, else among the mappings, and its heap where such a program would be.
struct Segment {
  VirtRange range;
  VmFlags access{};  // kRead, kWrite, kExec
};
struct ProgramImage {
  std::string_view name;
  std::span<const Segment> segments;
  bool movable = false;                       // ET_DYN: addresses count from where it is put
  const ProgramImage* interpreter = nullptr;  // movable; put among the mappings
};

class Processes {
 public:
  struct Parts {
    const MmParts& mm;
    AnonVmas& anon_vmas;
    KmemCache& processes;
  };
  explicit Processes(const Parts& parts) : parts_(parts), chance_(parts.mm.host.seed()) {}
  Processes(const Processes&) = delete;
  Processes& operator=(const Processes&) = delete;

  // A process that has just executed `image`: its segments, an empty heap, a stack.
  Result<Process*> create(const ProgramImage& image, const Limits& limits = {});
  // With the same files open.
  Result<Process*> fork(Process& parent);
  // Another program in the same process: a new address space in place of the old one. Files that
  // are to be closed then are.
  Result<void> exec(Process& process, const ProgramImage& image);
  // Nobody runs it. Its memory goes, its files are closed, and so does it.
  void exit(Process& process);

  // From now on the current CPU runs `process`, or nothing (idle).
  void run(Process& process);
  void stop(CpuContext& cpu);

  [[nodiscard]] const MmParts& parts() const { return parts_.mm; }
  [[nodiscard]] Pfn zero_page() const { return parts_.mm.zero_page; }
  [[nodiscard]] Process* find(std::uint32_t pid);
  [[nodiscard]] std::uint32_t count() const { return count_; }
  // Ascending by pid. No process comes or goes meanwhile.
  template <class Visit>
  void for_each(Visit visit) const {
    for (Process* process = first_; process != nullptr; process = process->next) visit(*process);
  }

 private:
  Result<Process*> make(std::string_view name, Mm& mm, std::uint32_t parent);
  Result<Mm*> load(const ProgramImage& image, const Limits& limits);

  const Parts parts_;
  Chance chance_;
  RwSemaphore lock_;
  Process* first_ = nullptr;
  std::uint32_t last_pid_ = 0;
  std::uint32_t count_ = 0;
};

}  // namespace quire
