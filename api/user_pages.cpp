// Pages of a process for somebody who uses their frames.
#include "api/process_call.hpp"

using quire::Errno;
using quire::Foll;
using quire::Page;
using quire::PageCount;
using quire::Process;
using quire::ProcessFloor;
using quire::Result;
using quire::UserPages;
using quire::VirtAddr;
using quire::api::Call;
using quire::api::fail;
using quire::api::HeldPages;
using quire::api::Who;

namespace {

using Take = Result<PageCount> (*)(quire::Faults&, quire::Mm&, const UserPages&);

// The pages that a span touches; nothing: no address has that many bits.
std::optional<std::size_t> pages_in(const quire_span& span) {
  const std::uint64_t end = span.start + span.size;
  if (end < span.start) return std::nullopt;
  if (span.size == 0) return 0;
  return ((end - 1) >> quire::kPageShift) - (span.start >> quire::kPageShift) + 1;
}

std::int64_t take(const Who& who, HeldPages::Kind kind, const quire_user_pages* wanted,
                  quire_page** pages) {
  if (wanted == nullptr || (pages == nullptr && wanted->span.size != 0))
    return fail(Errno::kInvalid, "no request or no place for the pages");
  const auto count = pages_in(wanted->span);
  if (!count) return fail(Errno::kInvalid, "the span has no end");
  return as_process(who, [&](ProcessFloor& floor, Process& process) -> Result<PageCount> {
    const std::span<Page*> into(reinterpret_cast<Page**>(pages), *count);
    const bool pinned = kind == HeldPages::Kind::kPinned;
    const Take call = pinned ? quire::pin_user_pages_fast : quire::get_user_pages_fast;
    const Foll flags{wanted->flags};
    QUIRE_TRY_ASSIGN(had, call(floor.faults(), *process.mm,
                               {VirtAddr{wanted->span.start}, flags, into}));
    who.machine->held_pages.add(into.first(had.raw()), kind);
    return had;
  });
}

// Takes pages off the machine's books; what is wrong with them, or 0.
int give_back(quire_machine* machine, std::span<Page* const> pages, HeldPages::Kind kind) {
  if (machine == nullptr || (pages.data() == nullptr && !pages.empty()))
    return fail(Errno::kInvalid, "no machine, or no pages");
  if (machine->held_pages.drop(pages, kind)) return 0;
  return fail(Errno::kInvalid, "not all of them are held so");
}

std::span<Page* const> span_of(quire_page* const* pages, std::size_t count) {
  return {reinterpret_cast<Page* const*>(pages), count};
}

}  // namespace

extern "C" {

int64_t quire_process_get_user_pages(quire_machine* machine, int64_t pid,
                                     const quire_user_pages* wanted, quire_page** pages) {
  return take({machine, pid, "get_user_pages"}, HeldPages::Kind::kReferenced, wanted, pages);
}

int64_t quire_process_pin_user_pages(quire_machine* machine, int64_t pid,
                                     const quire_user_pages* wanted, quire_page** pages) {
  return take({machine, pid, "pin_user_pages"}, HeldPages::Kind::kPinned, wanted, pages);
}

int quire_put_user_pages(quire_machine* machine, quire_page* const* pages, size_t count) {
  const std::span<Page* const> given = span_of(pages, count);
  if (const int wrong = give_back(machine, given, HeldPages::Kind::kReferenced)) return wrong;
  const Call call(*machine);
  for (Page* const page : given) machine->process_floor->lru().put(*page);
  return 0;
}

int quire_unpin_user_pages(quire_machine* machine, quire_page* const* pages, size_t count,
                           int written) {
  const std::span<Page* const> given = span_of(pages, count);
  if (const int wrong = give_back(machine, given, HeldPages::Kind::kPinned)) return wrong;
  const Call call(*machine);
  if (!given.empty())
    quire::unpin_user_pages(machine->process_floor->processes().parts(), given,
                            written != 0 ? quire::Written::kYes : quire::Written::kNo);
  return 0;
}

}  // extern "C"
