// Accesses: translation, faults, and what they cost.
#include <cstring>
#include <sstream>

#include "engine/program_thread.hpp"

namespace quire {

Reply ProgramThread::act(const Touch& touch) {
  std::span<const PageAccess> rest = touch.accesses;
  SimHost& host = engine_.parts_.host;
  while (!rest.empty() && goes_on()) {
    const auto chunk = rest.first(min_of(rest.size(), kChunk));
    mark();
    const std::size_t hits =
        engine_.options_.verify ? touch_checked(chunk) : touch_hits(chunk);
    settle();
    live_.accesses += hits;
    rest = rest.subspan(hits);
    if (hits < chunk.size() && goes_on()) fault(rest.front());
    if (host.now_ns() >= turn_end_ns_) end_turn();
  }
  return 0;
}

// How many accesses there were until one that faults. Where many of the last ones walked, what the
// coming ones would walk is fetched ahead.
std::size_t ProgramThread::touch_hits(std::span<const PageAccess> accesses) {
  const std::uint64_t walks = tlb_.counts().walks;
  const std::size_t done = walks_often_ ? touch_hits<kAhead>(accesses) : touch_hits<0>(accesses);
  walks_often_ = (tlb_.counts().walks - walks) * kOften > accesses.size();
  return done;
}

template <std::size_t kExpected>
std::size_t ProgramThread::touch_hits(std::span<const PageAccess> accesses) {
  const TlbCounts& counts = tlb_.counts();
  std::uint64_t walks = counts.walks;
  std::uint64_t repeated = 0;
  std::size_t done = 0;
  for (const PageAccess access : accesses) {
    if (kExpected != 0 && done + kExpected < accesses.size())
      tlb_.expect(accesses.data()[done + kExpected].page());
    const std::byte* const content = tlb_.translate(access.page(), access.access());
    if (content == nullptr) [[unlikely]] break;
    if (counts.walks != walks) [[unlikely]] {
      walks = counts.walks;
      count_walk(content);
    }
    repeated += access.repeated();
    ++done;
  }
  repeated_ += repeated;
  return done;
}

std::size_t ProgramThread::touch_checked(std::span<const PageAccess> accesses) {
  const TlbCounts& counts = tlb_.counts();
  std::size_t done = 0;
  for (const PageAccess access : accesses) {
    const std::uint64_t walks = counts.walks;
    std::byte* const content = tlb_.translate(access.page(), access.access());
    if (content == nullptr) break;
    if (counts.walks != walks) count_walk(content);
    if (!check(access, content)) break;
    repeated_ += access.repeated();
    ++done;
  }
  return done;
}

// A write too is to find what was there.
bool ProgramThread::check(PageAccess access, std::byte* content) {
  const Vma* const vma = mm().vmas.at(access.page());
  if (vma == nullptr) {
    mismatch("what is not mapped was translated: it", {});
    return false;
  }
  const SharedStamps::Place place{*vma, live_.stamps, access.page()};
  if (!ask(place, content).has_value()) return false;
  if (!is_write(access.access())) return true;
  const std::uint64_t stamp = engine_.stamps_.write(place);
  std::memcpy(content, &stamp, sizeof stamp);
  return true;
}

// The stamp of what is there, if it may be that.
Stamp ProgramThread::ask(const SharedStamps::Place& place, const std::byte* content) {
  std::uint64_t found = 0;
  std::memcpy(&found, content, sizeof found);
  const auto answer = engine_.stamps_.ask(place, found);
  if (answer.right) return found;
  mismatch(live_.name + " (" + std::to_string(live_.pid) + ") at page " +
               std::to_string(place.at.raw() >> kPageShift),
           {.wanted = answer.wanted, .found = found});
  return std::nullopt;
}

// Where a page of a file may just have been copied: what it holds is no longer the file's.
void ProgramThread::check_copy(VirtAddr at) {
  const Vma* const vma = mm().vmas.at(at);
  const auto now = mm().tables.walk(at);
  if (vma == nullptr || vma->file == nullptr || vma->has(VmFlags::kShared) || !now.has_value())
    return;
  MemoryMap& map = engine_.parts_.machine.map();
  live_.stamps[at.raw() >> kPageShift] =
      ask({*vma, live_.stamps, at}, map.content_of(*map.page_of(now->frame)));
}

void ProgramThread::fault(PageAccess access) {
  const VirtAddr at = access.page();
  if (mm().layout.task_size <= at) return fault_failed(FaultEnd::kNotMapped, at);
  const auto before = mm().tables.walk(at);
  const FaultEnd end = engine_.parts_.floor.faults().handle(mm(), at, access.access());
  if (end != FaultEnd::kMinor && end != FaultEnd::kMajor) return fault_failed(end, at);
  ++(end == FaultEnd::kMajor ? process().major_faults : process().minor_faults);
  if (engine_.options_.verify && is_write(access.access())) check_copy(at);
  const CostModel& cost = engine_.options_.cost;
  const FaultKind kind = kind_of(at, end, before);
  charge_ns(cost.fault_ns);
  if (kind == FaultKind::kAnonymous || kind == FaultKind::kZeroWrite) charge_ns(cost.clear_page_ns);
  if (kind == FaultKind::kCopy || kind == FaultKind::kFileCopy) charge_ns(cost.copy_page_ns);
  engine_.count_fault(live_, kind);
}

void ProgramThread::fault_failed(FaultEnd end, VirtAddr at) {
  if (live_.ending()) return;
  live_.state = LiveProcess::State::kSignalled;
  std::ostringstream address;
  address << " 0x" << std::hex << at.raw();
  switch (end) {
    case FaultEnd::kNotMapped:
      live_.why = "SIGSEGV: nothing is mapped at" + address.str();
      return;
    case FaultEnd::kNotAllowed:
      live_.why = "SIGSEGV: not allowed at" + address.str();
      return;
    case FaultEnd::kBeyondFile:
      live_.why = "SIGBUS: behind the file's end, or not readable, at" + address.str();
      return;
    default:
      live_.state = LiveProcess::State::kKilled;
      live_.why = "out of memory";
  }
}

FaultKind ProgramThread::kind_of(VirtAddr at, FaultEnd end,
                                 const std::optional<Translation>& before) {
  if (end == FaultEnd::kMajor) return FaultKind::kFileRead;
  const auto after = mm().tables.walk(at);
  const Vma* const vma = mm().vmas.at(at);
  if (!after.has_value() || vma == nullptr) return FaultKind::kSpurious;
  const Pfn zeros = mm().parts.zero_page;
  const bool writable = any(after->prot & Prot::kWrite);
  if (!before.has_value()) {
    if (vma->file == nullptr)
      return after->frame == zeros ? FaultKind::kZeroPage : FaultKind::kAnonymous;
    const bool copied = !vma->has(VmFlags::kShared) && writable;
    return copied ? FaultKind::kFileCopy : FaultKind::kFileMapped;
  }
  if (before->frame != after->frame)
    return before->frame == zeros ? FaultKind::kZeroWrite : FaultKind::kCopy;
  if (any(before->prot & Prot::kWrite) || !writable) return FaultKind::kSpurious;
  return vma->has(VmFlags::kShared) ? FaultKind::kShared : FaultKind::kReuse;
}

// The access has walked the tables, and then waits for the memory that it has found.
void ProgramThread::count_walk(const std::byte* content) {
  if (same_waits_) {
    memory_ns_ += waits_ns_.front();
    return;
  }
  const MemoryMap& map = engine_.parts_.machine.map();
  const Page& page = map.at(map.frames().index_at(content));
  memory_ns_ += waits_ns_.data()[page.word_racy().zone()];
}

// Time --------------------------------------------------------------------------------------------

void ProgramThread::mark() {
  marked_ = tlb_.counts();
  memory_ns_ = 0;
  repeated_ = 0;
}

void ProgramThread::settle() {
  const TlbCounts& now = tlb_.counts();
  const CostModel& cost = engine_.options_.cost;
  live_.accesses += repeated_;
  charge_ps((now.accesses - marked_.accesses + repeated_) * cost.hit_ps +
            (now.l2_hits - marked_.l2_hits) * cost.second_hit_ps +
            (now.walks - marked_.walks) * cost.walk_ps);
  charge_ns(memory_ns_);
}

void ProgramThread::charge_ps(std::uint64_t cost_ps) {
  owed_ps_ += cost_ps;
  charge_ns(owed_ps_ / 1000);
  owed_ps_ %= 1000;
}

void ProgramThread::end_turn() {
  SimHost& host = engine_.parts_.host;
  engine_.tick(host.now_ns());
  if (host.now_ns() >= slice_end_ns_) {
    if (engine_.threads_on_[index_of(cpu_.cpu)] > 1) charge_ns(engine_.options_.cost.switch_ns);
    host.give_way();
    slice_end_ns_ = host.now_ns() + engine_.options_.cost.slice_ns;
  } else {
    host.let_others_catch_up();
  }
  turn_end_ns_ = host.now_ns() + kTurnNs;
}

}  // namespace quire
