// Processes: made, forked and ended; their calls on memory, and their accesses.
#include <memory>
#include <utility>
#include <vector>

#include "api/process_call.hpp"

using quire::Access;
using quire::Bytes;
using quire::Caller;
using quire::Errno;
using quire::Process;
using quire::Result;
using quire::VirtAddr;
using quire::VirtRange;
using quire::VmFlags;
using quire::api::answer;
using quire::api::as_process;
using quire::api::Call;
using quire::api::fail;
using quire::api::Who;

namespace {

constexpr VmFlags flags_of_access(std::uint32_t access) {
  return static_cast<VmFlags>(access) & VmFlags::kAccess;
}

// A program as the core knows it; nothing when the caller's makes no sense.
class Program {
 public:
  explicit Program(const quire_program* given) {
    if (given == nullptr || given->size != sizeof *given || given->name == nullptr ||
        (given->segments == nullptr && given->segment_count != 0))
      return;
    for (std::size_t i = 0; i < given->segment_count; ++i) {
      const quire_segment& segment = given->segments[i];
      const VirtAddr start{segment.start};
      segments_.push_back({{start, start + Bytes{segment.size}}, flags_of_access(segment.access)});
    }
    if (given->movable > 1 || given->reserved != 0) return;
    if (given->interpreter != nullptr) {
      if (given->movable == 0 || given->interpreter->interpreter != nullptr) return;
      interpreter_ = std::make_unique<Program>(given->interpreter);
      if (!interpreter_->makes_sense() || !interpreter_->image_.movable) return;
    }
    image_ = {given->name, segments_, given->movable != 0,
              interpreter_ == nullptr ? nullptr : &interpreter_->image_};
  }
  [[nodiscard]] bool makes_sense() const { return image_.name.data() != nullptr; }
  [[nodiscard]] const quire::ProgramImage& image() const { return image_; }

 private:
  std::vector<quire::Segment> segments_;
  std::unique_ptr<Program> interpreter_;
  quire::ProgramImage image_;
};

// The same where processes come or go, and nobody runs this one.
template <class Work>
std::int64_t change(const Who& who, Work work) {
  if (who.machine == nullptr) return fail(Errno::kInvalid, "no machine");
  const Call call(*who.machine);
  const std::unique_lock processes(who.machine->processes_lock);
  Process* const process = quire::api::find_process(*who.machine, who.pid);
  if (process == nullptr) return fail(Errno::kNoEntry, "no such process");
  return answer(work(who.machine->process_floor->processes(), *process), who.what);
}

// work(caller, start, length): a call of mm/calls.hpp on `span`.
template <class Work>
std::int64_t on_span(const Who& who, const quire_span* span, Work work) {
  if (span == nullptr) return fail(Errno::kInvalid, "no span");
  return as_process(who, [&](quire::ProcessFloor& floor, Process& process) {
    return work(floor.caller(process), VirtAddr{span->start}, Bytes{span->size});
  });
}

Result<void> touch_pages(quire::UserMemory& memory, Process& process, VirtRange range,
                         Access access) {
  if (range.end < range.start) return Errno::kFault;
  for (VirtAddr at = range.start; at < range.end;
       at = at.align_down(quire::kPageSize) + quire::kPageSize)
    QUIRE_TRY(memory.touch(process, at, access));
  return {};
}

VirtRange range_of(const quire_span& span) {
  const VirtAddr start{span.start};
  return {start, start + Bytes{span.size}};
}

}  // namespace

extern "C" {

int64_t quire_process_create(quire_machine* machine, const quire_program* given) {
  const Program program(given);
  if (machine == nullptr || !program.makes_sense())
    return fail(Errno::kInvalid, "no machine or program");
  const Call call(*machine);
  const std::unique_lock processes(machine->processes_lock);
  const auto floor = machine->machine->processes();
  if (!floor.has_value()) return fail(floor.error(), "no memory for processes");
  if (machine->process_floor == nullptr) machine->begin_processes(**floor);
  return answer((*floor)->processes().create(program.image()), "cannot make the process");
}

int64_t quire_process_fork(quire_machine* machine, int64_t pid) {
  return change({machine, pid, "cannot fork"}, [](quire::Processes& processes, Process& parent) {
    return processes.fork(parent);
  });
}

int quire_process_exec(quire_machine* machine, int64_t pid, const quire_program* given) {
  const Program program(given);
  if (!program.makes_sense()) return fail(Errno::kInvalid, "no program");
  const Who who{machine, pid, "cannot execute the program"};
  return static_cast<int>(change(who, [&](quire::Processes& processes, Process& process) {
    return processes.exec(process, program.image());
  }));
}

int quire_process_exit(quire_machine* machine, int64_t pid) {
  const auto exit = [](quire::Processes& processes, Process& process) -> Result<void> {
    processes.exit(process);
    return {};
  };
  return static_cast<int>(change({machine, pid, "exit"}, exit));
}

int quire_process_faults(quire_machine* machine, int64_t pid, quire_faults* faults) {
  if (faults == nullptr) return fail(Errno::kInvalid, "no place for the counts");
  const auto count = [&](quire::ProcessFloor&, const Process& process) -> Result<void> {
    *faults = {process.minor_faults, process.major_faults};
    return {};
  };
  return static_cast<int>(as_process({machine, pid, "faults"}, count));
}

int64_t quire_process_mmap(quire_machine* machine, int64_t pid, const quire_mmap* given) {
  if (given == nullptr) return fail(Errno::kInvalid, "no request");
  quire::MmapRequest request;
  request.address = VirtAddr{given->address};
  request.length = Bytes{given->size};
  request.prot = given->prot;
  request.flags = given->flags;
  return as_process({machine, pid, "mmap"}, [&](quire::ProcessFloor& floor, Process& process) {
    return quire::do_mmap(floor.caller(process), request);
  });
}

int quire_process_munmap(quire_machine* machine, int64_t pid, const quire_span* span) {
  return static_cast<int>(on_span({machine, pid, "munmap"}, span, quire::do_munmap));
}

int quire_flush_tlb_mm(quire_machine* machine, int64_t pid) {
  return static_cast<int>(as_process({machine, pid, "flush_tlb_mm"},
                                     [](quire::ProcessFloor&, Process& process) {
    process.mm->parts.tlb.flush_mm(process.mm->tlb);
    return Result<void>{};
  }));
}

int quire_flush_tlb_range(quire_machine* machine, int64_t pid, const quire_span* span) {
  const auto flush = [](const Caller& caller, VirtAddr at, Bytes size) -> Result<void> {
    const VirtRange pages{at.align_down(quire::kPageSize), (at + size).align_up(quire::kPageSize)};
    if (pages.end < at || caller.mm.layout.task_size < pages.end) return Errno::kInvalid;
    if (!pages.empty()) caller.mm.parts.tlb.flush_range(caller.mm.tlb, {.range = pages});
    return {};
  };
  return static_cast<int>(on_span({machine, pid, "flush_tlb_range"}, span, flush));
}

int quire_flush_tlb_page(quire_machine* machine, int64_t pid, uint64_t address) {
  return static_cast<int>(as_process({machine, pid, "flush_tlb_page"},
                                     [&](quire::ProcessFloor&, Process& process) -> Result<void> {
    const VirtAddr at{address};
    if (process.mm->layout.task_size <= at) return Errno::kInvalid;
    process.mm->parts.tlb.flush_page(process.mm->tlb, at.align_down(quire::kPageSize));
    return {};
  }));
}

int quire_process_mprotect(quire_machine* machine, int64_t pid, const quire_span* span,
                           uint32_t prot) {
  const auto protect = [&](const Caller& caller, VirtAddr at, Bytes size) {
    return quire::do_mprotect(caller, at, size, prot);
  };
  return static_cast<int>(on_span({machine, pid, "mprotect"}, span, protect));
}

int64_t quire_process_mremap(quire_machine* machine, int64_t pid, const quire_mremap* given) {
  if (given == nullptr) return fail(Errno::kInvalid, "no request");
  quire::MremapRequest request;
  request.old_address = VirtAddr{given->from.start};
  request.old_length = Bytes{given->from.size};
  request.new_length = Bytes{given->new_size};
  request.flags = given->flags;
  request.new_address = VirtAddr{given->new_address};
  return as_process({machine, pid, "mremap"}, [&](quire::ProcessFloor& floor, Process& process) {
    return quire::do_mremap(floor.caller(process), request);
  });
}

int64_t quire_process_brk(quire_machine* machine, int64_t pid, uint64_t end) {
  const auto move = [&](quire::ProcessFloor& floor, Process& process) -> Result<VirtAddr> {
    return quire::do_brk(floor.caller(process), VirtAddr{end});
  };
  return as_process({machine, pid, "brk"}, move);
}

int quire_process_madvise(quire_machine* machine, int64_t pid, const quire_span* span,
                          uint32_t advice) {
  const auto advise = [&](const Caller& caller, VirtAddr at, Bytes size) {
    return quire::do_madvise(caller, at, size, static_cast<quire::Advice>(advice));
  };
  return static_cast<int>(on_span({machine, pid, "madvise"}, span, advise));
}

int quire_process_mlock(quire_machine* machine, int64_t pid, const quire_span* span,
                        uint32_t flags) {
  const auto lock = [&](const Caller& caller, VirtAddr at, Bytes size) {
    return quire::do_mlock(caller, at, size, flags);
  };
  return static_cast<int>(on_span({machine, pid, "mlock"}, span, lock));
}

int quire_process_munlock(quire_machine* machine, int64_t pid, const quire_span* span) {
  return static_cast<int>(on_span({machine, pid, "munlock"}, span, quire::do_munlock));
}

int quire_process_mlockall(quire_machine* machine, int64_t pid, uint32_t flags) {
  const auto lock = [&](quire::ProcessFloor& floor, Process& process) {
    return quire::do_mlockall(floor.caller(process), flags);
  };
  return static_cast<int>(as_process({machine, pid, "mlockall"}, lock));
}

int quire_process_munlockall(quire_machine* machine, int64_t pid) {
  const auto unlock = [](quire::ProcessFloor& floor, Process& process) -> Result<void> {
    quire::do_munlockall(floor.caller(process));
    return {};
  };
  return static_cast<int>(as_process({machine, pid, "munlockall"}, unlock));
}

int quire_process_msync(quire_machine* machine, int64_t pid, const quire_span* span,
                        uint32_t flags) {
  const auto sync = [&](const Caller& caller, VirtAddr at, Bytes size) {
    return quire::do_msync(caller, at, size, flags);
  };
  return static_cast<int>(on_span({machine, pid, "msync"}, span, sync));
}

int quire_process_mincore(quire_machine* machine, int64_t pid, const quire_span* span,
                          uint8_t* pages) {
  if (pages == nullptr) return fail(Errno::kInvalid, "no place for the pages");
  const auto look = [&](const Caller& caller, VirtAddr at, Bytes size) {
    return quire::do_mincore(caller, at, size, {pages, quire::pages_to_hold(size).raw()});
  };
  return static_cast<int>(on_span({machine, pid, "mincore"}, span, look));
}

int quire_process_read(quire_machine* machine, int64_t pid, const quire_span* from, void* to) {
  if (from == nullptr || (to == nullptr && from->size != 0))
    return fail(Errno::kInvalid, "no span or buffer");
  const auto read = [&](quire::ProcessFloor& floor, Process& process) {
    return floor.memory().read(process, VirtAddr{from->start},
                               {static_cast<std::byte*>(to), from->size});
  };
  return static_cast<int>(as_process({machine, pid, "cannot read"}, read));
}

int quire_process_write(quire_machine* machine, int64_t pid, const quire_span* to,
                        const void* from) {
  if (to == nullptr || (from == nullptr && to->size != 0))
    return fail(Errno::kInvalid, "no span or buffer");
  const auto write = [&](quire::ProcessFloor& floor, Process& process) {
    return floor.memory().write(process, VirtAddr{to->start},
                                {static_cast<const std::byte*>(from), to->size});
  };
  return static_cast<int>(as_process({machine, pid, "cannot write"}, write));
}

int quire_process_touch(quire_machine* machine, int64_t pid, const quire_span* span,
                        uint32_t access) {
  if (span == nullptr) return fail(Errno::kInvalid, "no span");
  Access kind = Access::kUserRead;
  if (access == QUIRE_PROT_WRITE) kind = Access::kUserWrite;
  else if (access == QUIRE_PROT_EXEC) kind = Access::kUserExecute;
  else if (access != QUIRE_PROT_READ) return fail(Errno::kInvalid, "not one kind of access");
  const auto touch = [&](quire::ProcessFloor& floor, Process& process) {
    return touch_pages(floor.memory(), process, range_of(*span), kind);
  };
  return static_cast<int>(as_process({machine, pid, "cannot touch"}, touch));
}

}  // extern "C"
