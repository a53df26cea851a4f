// The audit of address spaces: VMAs, and each entry of the tables.
#include "machine/process_audit.hpp"

namespace quire {
namespace {

constexpr Rss kKinds[] = {Rss::kFile, Rss::kAnon, Rss::kShmem};

bool is_file_of(const Page& page, const Vma& vma) {
  return vma.file != nullptr && home_of(page) == &vma.file->mapping();
}

Rss kind_of(const Page& page) {
  if (is_anonymous(page)) return Rss::kAnon;
  return page.word.has(PageFlag::kSwapBacked) ? Rss::kShmem : Rss::kFile;
}

}  // namespace

Errno ProcessAudit::broken(const Process& process, std::string_view what, VirtAddr at) {
  text_.str("process ").dec(process.task.pid).str(", at 0x").hex(at.raw()).str(": ");
  text_.str(what).nl();
  return Errno::kFault;
}

template <class Visit>
void ProcessAudit::for_each_counted(Mm& mm, Visit visit) {
  const PagingFormat& format = mm.tables.format();
  mm.tables.for_each_entry({VirtAddr{0}, mm.layout.task_size},
                           [&](VirtAddr at, const EntrySlot& slot, Entry entry) {
    const Pfn frame = format.frame_of(slot.level, entry);
    Page* const page = parts_.map.page_of(frame);
    if (entry.present() && page != nullptr && frame != mm.parts.zero_page) visit(at, entry, *page);
  });
}

Result<void> ProcessAudit::check() {
  bool good = true;
  Processes& processes = parts_.floor.processes();
  processes.for_each([&](Process& process) {
    good = good && check_vmas(process).has_value();
  });
  if (!good) return Errno::kFault;
  // Each entry takes one off its page's mapcount, of which nothing is to be left.
  processes.for_each([&](Process& process) {
    for_each_counted(*process.mm, [](VirtAddr, Entry, Page& page) { --page.mapcount; });
  });
  good = for_each_node([&](const Node& node) {
    return for_each_used(node, [&](const Page& page) { return check_left(page); });
  }).has_value();
  processes.for_each([&](Process& process) {
    for_each_counted(*process.mm, [](VirtAddr, Entry, Page& page) { ++page.mapcount; });
  });
  processes.for_each([&](Process& process) {
    good = good && check_entries(process).has_value();
  });
  if (!good) return Errno::kFault;
  return for_each_node([&](const Node& node) -> Result<void> {
    Sums sums;
    QUIRE_TRY(for_each_used(node, [&](const Page& page) { return check_page(page, sums); }));
    QUIRE_TRY(check_files(node, sums));
    QUIRE_TRY(check_lists(node, sums));
    return check_counters(node, sums);
  });
}

Result<void> ProcessAudit::check_vmas(const Process& process) {
  const Mm& mm = *process.mm;
  if (const char* const fault = mm.vmas.fault()) return broken(process, fault, VirtAddr{0});
  PageCount total, locked, data, exec, stack;
  for (const Vma* vma = mm.vmas.first(); vma != nullptr; vma = vma->next) {
    const bool whole = vma->start().is_aligned(kPageSize) && vma->end().is_aligned(kPageSize);
    if (!whole || vma->end() <= vma->start() || mm.layout.task_size < vma->end())
      return broken(process, "a mapping that is no pages of the user's", vma->start());
    if (vma->mm != &mm) return broken(process, "a mapping of another process", vma->start());
    total += vma->pages();
    if (vma->has(VmFlags::kLocked)) locked += vma->pages();
    const bool writable = vma->has(VmFlags::kWrite);
    if (vma->has(VmFlags::kGrowsDown))
      stack += vma->pages();
    else if (vma->has(VmFlags::kExec) && !writable)
      exec += vma->pages();
    else if (writable && !vma->has(VmFlags::kShared))
      data += vma->pages();
  }
  if (total != mm.total) return broken(process, "total_vm is not what is mapped", VirtAddr{0});
  if (locked != mm.locked) return broken(process, "locked_vm is not what is locked", VirtAddr{0});
  if (data != mm.data) return broken(process, "data_vm is not what is private", VirtAddr{0});
  if (exec != mm.exec) return broken(process, "exec_vm is not what is code", VirtAddr{0});
  if (stack != mm.stack) return broken(process, "stack_vm is not what grows down", VirtAddr{0});
  return {};
}

Result<void> ProcessAudit::check_entries(Process& process) {
  Mm& mm = *process.mm;
  std::array<std::int64_t, kRssKinds> rss{};
  Vma* vma = mm.vmas.first();
  bool good = true;
  mm.tables.for_each_entry({VirtAddr{0}, mm.layout.task_size},
                           [&](VirtAddr at, const EntrySlot& slot, Entry entry) {
    while (vma != nullptr && vma->end() <= at) vma = vma->next;
    if (!good || !check_place(process, vma, {at, slot.level, entry}).has_value()) {
      good = false;
      return;
    }
    const Pfn frame = mm.tables.format().frame_of(slot.level, entry);
    if (frame == mm.parts.zero_page) return;
    Page& page = *parts_.map.page_of(frame);
    rss.data()[static_cast<unsigned>(kind_of(page))] += 1;
    good = check_entry({*vma, at, entry, page}).has_value();
  });
  if (!good) return Errno::kFault;
  for (const Rss kind : kKinds)
    if (PageCount{static_cast<std::uint64_t>(rss.data()[static_cast<unsigned>(kind)])} !=
        mm.rss(kind))
      return broken(process, "the count of resident pages is not that of entries", VirtAddr{0});
  return {};
}

// `vma` is the first that ends behind the entry.
Result<void> ProcessAudit::check_place(const Process& process, const Vma* vma,
                                       const Place& place) {
  const Mm& mm = *process.mm;
  if (vma == nullptr || place.at < vma->start())
    return broken(process, "an entry that no mapping has", place.at);
  const Pfn frame = mm.tables.format().frame_of(place.level, place.entry);
  const bool names_page = place.entry.present() && place.level == PageLevel::kPte &&
                          parts_.map.page_of(frame) != nullptr;
  if (!names_page) return broken(process, "an entry that names no page", place.at);
  if (frame == mm.parts.zero_page && (place.entry.raw() & raw(Prot::kWrite)) != 0)
    return broken(process, "the page of zeros may be written", place.at);
  return {};
}

Result<void> ProcessAudit::check_entry(const Mapped& mapped) {
  const Page& page = mapped.page;
  const bool used = page.word.is(PageKind::kInUse) || page.word.is(PageKind::kCompound);
  if (!used || page.refcount < 1)
    return broken(page, "is mapped and not in use, refcount", page.refcount);
  if (is_anonymous(page)) return check_anonymous(mapped);
  if (!is_file_of(page, mapped.vma) || offset_of(page) != mapped.vma.index_of(mapped.at))
    return broken(page, "is mapped where its file has another page, at index",
                  static_cast<std::int64_t>(offset_of(page)));
  const bool writable = (mapped.entry.raw() & raw(Prot::kWrite)) != 0;
  if (writable && !mapped.vma.has(VmFlags::kShared))
    return broken(page, "of a file may be written in a private mapping, mapcount", page.mapcount);
  return {};
}

Result<void> ProcessAudit::check_anonymous(const Mapped& mapped) {
  const Page& page = mapped.page;
  const bool alone = page.word.has(PageFlag::kAnonExclusive);
  if (alone && page.mapcount != 1)
    return broken(page, "is said to be one process's alone, mapcount", page.mapcount);
  if (!alone && (mapped.entry.raw() & raw(Prot::kWrite)) != 0)
    return broken(page, "may be written by who shares it, mapcount", page.mapcount);
  bool found = false;
  for_each_place(page, [&](const Vma& vma, VirtAddr at) {
    found = &vma == &mapped.vma && at == mapped.at;
    return !found;
  });
  if (!found)
    return broken(page, "is mapped where its anon_vma does not lead, at offset",
                  static_cast<std::int64_t>(offset_of(page)));
  return {};
}

}  // namespace quire
