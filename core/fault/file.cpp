// Faults of what shows a file.
#include "fault/fault.hpp"
#include "fault/table_runs.hpp"

namespace quire {
namespace {

ReadAdvice advice_of(const Vma& vma) {
  if (vma.has(VmFlags::kRandRead)) return ReadAdvice::kRandom;
  return vma.has(VmFlags::kSeqRead) ? ReadAdvice::kSequential : ReadAdvice::kNormal;
}

FaultEnd end_of(Errno error) {
  return error == Errno::kNoMemory ? FaultEnd::kNoMemory : FaultEnd::kBeyondFile;
}

// On Linux who has something read waits without the mmap_lock and comes again: a second fault, and
// a major one for the task, whether or not it was this page that had to be read.
FaultEnd count_read(const PageCache::Faulted& faulted) {
  std::byte* const counts = Arch::current()->percpu;
  if (faulted.major) count_event(counts, VmEvent::kPgmajfault, 1);
  if (!faulted.read) return FaultEnd::kMinor;
  count_event(counts, VmEvent::kPgfault, 1);
  return FaultEnd::kMajor;
}

// A page that a disk is behind tells its file of the first write: until then it is read-only.
Prot prot_for_reading(const Vma& vma) {
  return vma.shows_shmem() ? vma.prot : vma.prot & ~Prot::kWrite;
}

// Gives the entry at `slot` to `page`, which is locked, with the caller's reference. False:
// somebody was quicker.
bool map_if_empty(Vma& vma, const EntrySlot& slot, Page& page, Prot prot) {
  Mm& mm = *vma.mm;
  const TableGuard guard(mm.parts.map.at(slot.page));
  if (!mm.tables.load(slot).empty()) return false;
  add_file_mapping(page, vma);
  if (vma.has(VmFlags::kLocked)) mm.parts.lru.mlock(page);
  const Pfn frame = mm.parts.map.pfn_of(page);
  mm.tables.store(slot, mm.tables.format().leaf_entry(PageLevel::kPte, frame, prot));
  return true;
}

void let_go(const Mm& mm, Page& page) {
  unlock_page(page);
  mm.parts.lru.put(page);
}

}  // namespace

FaultEnd Faults::of_file(const Place& place, Access access) {
  if (!is_write(access)) return read_file(place);
  return place.vma.has(VmFlags::kShared) ? write_file(place) : copy_file_page(place);
}

FaultEnd Faults::read_file(const Place& place) {
  Mm& mm = *place.vma.mm;
  FaultEnd end = FaultEnd::kMinor;
  while (!map_around(place)) {
    const auto found = mm.parts.cache.fault_in(*place.vma.file, place.vma.index_of(place.at),
                                               advice_of(place.vma));
    if (!found.has_value()) return end_of(found.error());
    if (found->read && end == FaultEnd::kMinor) {
      // What came with it is mapped with it.
      end = count_read(*found);
      let_go(mm, *found->page);
      continue;
    }
    Page& page = *found->page;
    if (map_if_empty(place.vma, place.slot, page, prot_for_reading(place.vma)))
      unlock_page(page);
    else
      let_go(mm, page);
    return end;
  }
  return end;
}

// Maps what is in memory of the sixteen pages around: true when the wanted one is among them.
bool Faults::map_around(const Place& place) {
  constexpr std::uint64_t kAround = 16;
  Mm& mm = *place.vma.mm;
  const VirtAddr table = place.at.align_down(mm.tables.format().at(PageLevel::kPmd).size());
  const VirtAddr start = max_of(max_of(place.at.align_down(size_of(PageCount{kAround})), table),
                                place.vma.start());
  const VirtAddr table_end = table + mm.tables.format().at(PageLevel::kPmd).size();
  const VirtAddr end =
      min_of(min_of(start + size_of(PageCount{kAround}), table_end), place.vma.end());
  const std::uint64_t last = place.vma.index_of(end - kPageSize);
  bool wanted = false;
  std::uint64_t index = place.vma.index_of(start);
  Mapping& mapping = place.vma.file->mapping();
  while (Page* const page = mm.parts.cache.next_mappable(mapping, {index, last + 1 - index})) {
    index = offset_of(*page) + 1;
    const VirtAddr at = place.vma.address_of(index - 1);
    EntrySlot slot = place.slot;
    slot.index += static_cast<unsigned>(((at - table).raw() >> kPageShift) -
                                        ((place.at - table).raw() >> kPageShift));
    // All of them count as accessed, as they do on x86 (recorded: files.log).
    if (!map_if_empty(place.vma, slot, *page, prot_for_reading(place.vma))) {
      let_go(mm, *page);
      continue;
    }
    unlock_page(*page);
    wanted |= at == place.at;
  }
  return wanted;
}

FaultEnd Faults::copy_file_page(const Place& place) {
  Mm& mm = *place.vma.mm;
  if (!anon_vmas_.prepare(place.vma).has_value()) return FaultEnd::kNoMemory;
  Page* const copy = new_page(place, Gfp::kNone);
  if (copy == nullptr) return FaultEnd::kNoMemory;
  const auto found = mm.parts.cache.fault_in(*place.vma.file, place.vma.index_of(place.at),
                                             advice_of(place.vma));
  if (!found.has_value()) {
    mm.parts.pages.free_page(*copy);
    return end_of(found.error());
  }
  const FaultEnd end = count_read(*found);
  if (mm.parts.keep_content)
    Arch::copy_page(mm.parts.map.content_of(*copy), mm.parts.map.content_of(*found->page));
  const Prot prot = place.vma.prot | Prot::kWrite | Prot::kDirty;
  const Entry entry = mm.tables.format().leaf_entry(PageLevel::kPte,
                                                    mm.parts.map.pfn_of(*copy), prot);
  // Who cuts the file off waits for the page, and takes copies out after that.
  map_new(place, *copy, entry);
  let_go(mm, *found->page);
  return end;
}

FaultEnd Faults::write_file(const Place& place) {
  Mm& mm = *place.vma.mm;
  const auto found = mm.parts.cache.fault_in(*place.vma.file, place.vma.index_of(place.at),
                                             advice_of(place.vma));
  if (!found.has_value()) return end_of(found.error());
  const FaultEnd end = count_read(*found);
  Page& page = *found->page;
  const Prot prot = place.vma.prot | Prot::kWrite | Prot::kDirty;
  if (!map_if_empty(place.vma, place.slot, page, prot)) {
    let_go(mm, page);
    return end;
  }
  mm.parts.cache.set_dirty(page);
  unlock_page(page);
  mm.parts.cache.balance_dirty(place.vma.file->mapping());
  return end;
}

// The first write to a page of a shared mapping that is there to be read.
FaultEnd Faults::write_shared(const Place& place, Entry entry) {
  Mm& mm = *place.vma.mm;
  const PagingFormat& format = mm.tables.format();
  Page& page = *mm.parts.map.page_of(format.frame_of(PageLevel::kPte, entry));
  {
    const TableGuard guard(mm.parts.map.at(place.slot.page));
    if (mm.tables.load(place.slot) != entry) return FaultEnd::kMinor;
    get_page(page);
  }
  lock_page(page);
  {
    const TableGuard guard(mm.parts.map.at(place.slot.page));
    const Entry now = mm.tables.load(place.slot);
    if (now.present() && format.frame_of(PageLevel::kPte, now) ==
                             format.frame_of(PageLevel::kPte, entry)) {
      constexpr std::uint64_t kWritten = raw(Prot::kWrite | Prot::kDirty | Prot::kAccessed);
      mm.tables.store(place.slot, Entry{now.raw() | kWritten});
      mm.parts.cache.set_dirty(page);
    }
  }
  let_go(mm, page);
  mm.parts.cache.balance_dirty(place.vma.file->mapping());
  return FaultEnd::kMinor;
}

}  // namespace quire
