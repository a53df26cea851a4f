// How a recorded call is made again.
#include "tools/run/trace_source.hpp"

namespace quire::run {
namespace {

constexpr Bytes kStackReserve = kib(128);  // that a stack begins with, beyond what is written
// Flags that say where, which the recorded address does now, and what is not there to be had.
constexpr std::uint64_t kDropped = map::kFixedNoReplace | map::kHugeTlb | map::k32Bit |
                                   (map::kHugeMask << map::kHugeShift);

int descriptor(std::uint32_t file) { return static_cast<int>(file); }

VirtRange range_of(VirtAddr start, Bytes length) { return {start, start + length}; }

}  // namespace

void TraceSource::need_file(trace::ProcessId process, std::uint32_t file) {
  if (!opened_.insert({process, file}).second) return;
  const trace::File& known = files_[file];
  script_.push_back(OpenFile{known.path, descriptor(file), Bytes{known.size}, {}});
}

void TraceSource::plan_map(const trace::Mmap& call, trace::ProcessId process) {
  MapMemory map{.address = VirtAddr{call.address},
                .length = Bytes{call.length},
                .prot = call.protection,
                .flags = (call.flags & ~kDropped) | map::kFixed,
                .file = -1,
                .offset = Bytes{call.offset}};
  if (call.file == trace::kNoFile) {
    map.flags |= map::kAnonymous;
    map.offset = Bytes{0};
  } else {
    map.flags &= ~map::kAnonymous;
    need_file(process, call.file);
    map.file = descriptor(call.file);
  }
  script_.push_back(map);
}

// As exec maps a PT_LOAD: pages of the file, then of zeros; what is behind the file's end in its
// last page is cleared by a write.
void TraceSource::plan_segment(const trace::Segment& segment, trace::ProcessId process) {
  const VirtAddr start = VirtAddr{segment.address}.align_down(kPageSize);
  const VirtAddr file_end = VirtAddr{segment.address} + Bytes{segment.file_length};
  const VirtAddr zeros = segment.file_length == 0 ? start : file_end.align_up(kPageSize);
  const VirtAddr end =
      (VirtAddr{segment.address} + Bytes{segment.memory_length}).align_up(kPageSize);
  if (segment.file_length != 0)
    plan_map({.address = start.raw(),
              .length = (zeros - start).raw(),
              .protection = segment.protection,
              .flags = static_cast<std::uint32_t>(map::kPrivate),
              .file = segment.file,
              .offset = segment.offset - (VirtAddr{segment.address} - start).raw()},
             process);
  const bool written = (segment.protection & prot::kWrite) != 0;
  if (segment.file_length != 0 && segment.memory_length > segment.file_length && written &&
      !file_end.is_aligned(kPageSize)) {
    touched_.assign(1, PageAccess(file_end, PageAccess::Kind::kWrite));
    script_.push_back(Touch{touched_});
  }
  if (end > zeros)
    plan_map({.address = zeros.raw(),
              .length = (end - zeros).raw(),
              .protection = segment.protection,
              .flags = static_cast<std::uint32_t>(map::kPrivate)},
             process);
}

void TraceSource::plan_stack(const trace::Stack& stack) {
  const VirtAddr low = VirtAddr{stack.low}.align_down(kPageSize);
  const VirtAddr high = VirtAddr{stack.high}.align_up(kPageSize);
  const VirtAddr start = low - kStackReserve;
  script_.push_back(MapMemory{.address = start,
                              .length = high - start,
                              .flags = map::kPrivate | map::kAnonymous | map::kFixed |
                                       map::kGrowsDown});
  touched_.clear();
  for (VirtAddr at = low; at < high; at += kPageSize)
    touched_.emplace_back(at, PageAccess::Kind::kWrite);
  script_.push_back(Touch{touched_});
}

// Puts the steps of a call into the script.
struct CallPlanner {
  TraceSource& source;
  const trace::Event& event;

  void operator()(const trace::Mmap& call) const { source.plan_map(call, event.process); }
  void operator()(const trace::Munmap& call) const {
    add(UnmapMemory{range_of(VirtAddr{call.address}, Bytes{call.length})});
  }
  void operator()(const trace::Mprotect& call) const {
    add(ProtectMemory{range_of(VirtAddr{call.address}, Bytes{call.length}), call.protection});
  }
  void operator()(const trace::Madvise& call) const {
    source.may_fail_ = true;
    add(AdviseMemory{range_of(VirtAddr{call.address}, Bytes{call.length}),
                     static_cast<Advice>(call.advice)});
  }
  void operator()(const trace::Mremap& call) const {
    const bool moved = call.new_address != call.address;
    const std::uint64_t flags = call.flags & remap::kDontUnmap;
    add(RemapMemory{{VirtAddr{call.address}, Bytes{call.length}, Bytes{call.new_length},
                     moved ? flags | remap::kMayMove | remap::kFixed : flags,
                     VirtAddr{call.new_address}}});
  }
  void operator()(const trace::Mlock& call) const {
    add(LockMemory{range_of(VirtAddr{call.address}, Bytes{call.length}), call.lock});
  }
  void operator()(const trace::Msync& call) const {
    add(SyncMemory{range_of(VirtAddr{call.address}, Bytes{call.length}), call.flags});
  }
  void operator()(const trace::Sync& call) const {
    source.need_file(event.process, call.file);
    add(SyncFile{descriptor(call.file)});
  }
  void operator()(const trace::Brk& call) const { add(MoveBreak{VirtAddr{call.end}}); }
  void operator()(const trace::Fork& call) const {
    for (const auto& [owner, file] : std::set(source.opened_))
      if (owner == event.process) source.opened_.insert({call.child, file});
    source.may_fail_ = true;
    add(Fork{source.make_program(call.thread, call.child)});
  }
  void operator()(const trace::Clone& call) const {
    add(NewThread{source.make_program(call.thread, event.process)});
  }
  void operator()(const trace::Exec& call) const {
    source.end_others(event.thread, event.process);
    const std::size_t slash = call.path.rfind('/');
    add(Execute{call.path.substr(slash == std::string::npos ? 0 : slash + 1),
                VirtAddr{call.brk_start}, false});
  }
  void operator()(const trace::Segment& call) const {
    source.plan_segment(call, event.process);
  }
  void operator()(const trace::Stack& call) const { source.plan_stack(call); }
  void operator()(const trace::Exit& call) const {
    if (call.process) source.end_others(event.thread, event.process);
    add(End{});
  }
  void operator()(const trace::Transfer& call) const {
    source.need_file(event.process, call.file);
    const FilePart part{descriptor(call.file), Bytes{call.offset}, Bytes{call.length}};
    if (call.write)
      add(WriteFile{part});
    else
      add(ReadFile{part});
  }
  void operator()(const trace::Truncate& call) const {
    source.need_file(event.process, call.file);
    add(ResizeFile{descriptor(call.file), Bytes{call.size}});
  }
  // Nothing that memory sees.
  void operator()(const trace::Open&) const {}
  void operator()(const trace::Close&) const {}
  void operator()(const trace::File&) const {}
  void operator()(const trace::Access&) const {}

  template <class A>
  void add(A action) const {
    source.script_.push_back(std::move(action));
  }
};

void TraceSource::plan(const trace::Event& event) {
  script_.clear();
  std::visit(CallPlanner{*this, event}, event.what);
}

}  // namespace quire::run
