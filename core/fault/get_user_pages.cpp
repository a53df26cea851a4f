#include "fault/fault.hpp"

namespace quire {
namespace {

constexpr Foll kPin{0x40000};  // FOLL_PIN
constexpr std::int32_t kMostReferences = 1 << 30;

// What a look at a page's entry has come to.
enum class Next : std::uint8_t { kDone, kFault, kUnshare, kForceWrite, kRefused };

void count_pin(const MmParts& parts, const Page& page, NodeItem item) {
  Node& node = parts.nodes.node(parts.nodes.zone_of(page.word_racy()).node);
  mod_node_state(Arch::current()->percpu, node, item, 1);
}

class Taker {
 public:
  Taker(Faults& faults, Mm& mm, Foll flags) : faults_(faults), mm_(mm), flags_(flags) {}

  // From `at` on, until one cannot be had.
  Result<PageCount> take(VirtAddr at, std::span<Page*> pages) {
    std::size_t count = 0;
    for (; count < pages.size(); ++count, at += kPageSize) {
      const auto page = take_one(at);
      if (!page.has_value()) {
        if (count == 0) return page.error();
        break;
      }
      pages[count] = *page;
    }
    return PageCount{count};
  }

  // The same for pages whose entries allow it already, and while nobody frees tables or forks: the
  // tables are walked as the processor does it. How many were had.
  std::size_t take_present(VirtAddr at, std::span<Page*> pages) {
    if (!mm_.walks.try_lock_shared()) return 0;
    std::size_t count = 0;
    for (std::size_t more = 1; more != 0 && count < pages.size(); count += more)
      more = take_in_table(at + kPageSize * count, pages.subspan(count));
    mm_.walks.unlock_shared();
    return count;
  }

 private:
  // Up to the end of the table that maps `at`.
  std::size_t take_in_table(VirtAddr at, std::span<Page*> pages) {
    if (mm_.layout.task_size <= at) return 0;
    EntrySlot slot = mm_.tables.find_slot(at);
    if (slot.level != PageLevel::kPte) return 0;
    const unsigned entries = mm_.tables.format().at(PageLevel::kPte).entries();
    const TableGuard guard(mm_.parts.map.at(slot.page));
    std::size_t count = 0;
    for (; count < pages.size() && slot.index < entries; ++count, ++slot.index) {
      Page* const page = take_shown(mm_.tables.load(slot));
      if (page == nullptr) break;
      pages[count] = page;
    }
    return count;
  }
  // Null: there is more to do for this one.
  Page* take_shown(Entry entry) {
    if (!entry.present()) return nullptr;
    const PagingFormat& format = mm_.tables.format();
    const Prot prot = format.prot_of(entry);
    const Prot needed = Prot::kUser | (has(Foll::kWrite) ? Prot::kWrite : Prot::kNone);
    const Pfn frame = format.frame_of(PageLevel::kPte, entry);
    if (any(prot & Prot::kNoAccess) || (prot & needed) != needed || frame == mm_.parts.zero_page)
      return nullptr;
    Page& page = *mm_.parts.map.page_of(frame);
    const bool own = !is_anonymous(page) || has_flag(page, PageFlag::kAnonExclusive);
    if ((has(kPin) && !own) || is_refused(page)) return nullptr;
    use(page, prot);
    if (!has_flag(page, PageFlag::kReferenced)) set_flag(page, PageFlag::kReferenced);
    return &page;
  }

  Result<Page*> take_one(VirtAddr at) {
    if (mm_.layout.task_size <= at) return Errno::kFault;
    {
      const SharedGuard guard(mm_.mmap_lock);
      Vma* const vma = mm_.vmas.find(at);
      if (vma == nullptr) return Errno::kFault;
      if (vma->start() <= at) return take_in(*vma, at);
      if (!vma->has(VmFlags::kGrowsDown)) return Errno::kFault;
    }
    // Where a stack may grow to, its page is taken with the lock that lets it grow.
    const MmapWriteGuard guard(mm_);
    Vma* const vma = mm_.vmas.find(at);
    if (vma == nullptr || !faults_.expand_to(*vma, at).has_value()) return Errno::kFault;
    return take_in(*vma, at);
  }

  [[nodiscard]] bool has(Foll flag) const { return any(flags_ & flag); }

  // Whether `vma` lets its pages be had so.
  [[nodiscard]] bool may_take(const Vma& vma) const {
    if (vma.has(VmFlags::kIo | VmFlags::kPfnMap)) return false;
    if (!has(Foll::kWrite))
      return vma.has(VmFlags::kRead) || (has(Foll::kForce) && vma.has(VmFlags::kMayRead));
    if (vma.has(VmFlags::kWrite)) return true;
    return has(Foll::kForce) && !vma.has(VmFlags::kShared) && vma.has(VmFlags::kMayWrite);
  }

  Result<Page*> take_in(Vma& vma, VirtAddr at) {
    if (!may_take(vma)) return Errno::kFault;
    for (;;) {
      Page* page = nullptr;
      FaultEnd end = FaultEnd::kMinor;
      switch (look(vma, at, page)) {
        case Next::kDone: return page;
        case Next::kRefused: return Errno::kNoMemory;
        case Next::kUnshare: end = faults_.unshare(vma, at); break;
        case Next::kForceWrite: end = faults_.write_forced(vma, at); break;
        case Next::kFault:
          end = faults_.handle_in(vma, at, has(Foll::kWrite) ? Access::kUserWrite
                                                             : Access::kUserRead);
      }
      if (end == FaultEnd::kNoMemory) return Errno::kNoMemory;
      if (end != FaultEnd::kMinor && end != FaultEnd::kMajor) return Errno::kFault;
    }
  }

  // Takes the page at `at` if its entry is as it must be. With the table's lock a fork, which takes
  // it too, sees the pin or has made the page shared before.
  Next look(const Vma& vma, VirtAddr at, Page*& taken) {
    const bool forced = has(Foll::kWrite) && !vma.has(VmFlags::kWrite);
    const PagingFormat& format = mm_.tables.format();
    const EntrySlot slot = mm_.tables.find_slot(at);
    if (slot.level != PageLevel::kPte) return forced ? Next::kForceWrite : Next::kFault;
    const TableGuard guard(mm_.parts.map.at(slot.page));
    const Entry entry = mm_.tables.load(slot);
    if (!entry.present()) return forced ? Next::kForceWrite : Next::kFault;
    Page& page = *mm_.parts.map.page_of(format.frame_of(PageLevel::kPte, entry));
    const bool own = is_anonymous(page) && has_flag(page, PageFlag::kAnonExclusive);
    if (has(Foll::kWrite) && !any(format.prot_of(entry) & Prot::kWrite) && !(forced && own))
      return forced ? Next::kForceWrite : Next::kFault;
    if (has(kPin) && is_anonymous(page) && !own) return Next::kUnshare;
    if (is_refused(page)) return Next::kRefused;
    use(page, format.prot_of(entry));
    mm_.parts.lru.mark_accessed(page);
    taken = &page;
    return Next::kDone;
  }

  [[nodiscard]] bool is_refused(const Page& page) const {
    if (references_to(page) > kMostReferences) return true;
    return has(Foll::kLongterm) &&
           mm_.parts.nodes.zone_of(page.word_racy()).type == ZoneType::kMovable;
  }

  void use(Page& page, Prot prot) {
    if (has(kPin)) {
      pin_page(page);
      count_pin(mm_.parts, page, NodeItem::kNrFollPinAcquired);
    } else {
      get_page(page);
    }
    if (has(Foll::kWrite) && !any(prot & Prot::kDirty)) mm_.parts.cache.set_dirty(page);
  }

  Faults& faults_;
  Mm& mm_;
  const Foll flags_;
};

constexpr Foll kKnown = Foll::kWrite | Foll::kForce | Foll::kLongterm;

bool are_known(Foll flags) { return (raw(flags) & ~raw(kKnown)) == 0; }

bool may_get(Foll flags) { return are_known(flags) && !any(flags & Foll::kLongterm); }

Result<PageCount> take(Taker taker, const UserPages& wanted) {
  return taker.take(wanted.start.align_down(kPageSize), wanted.pages);
}

Result<PageCount> take_fast(Taker taker, const UserPages& wanted) {
  const VirtAddr at = wanted.start.align_down(kPageSize);
  const PageCount present{taker.take_present(at, wanted.pages)};
  if (present.raw() == wanted.pages.size()) return present;
  const auto rest = taker.take(at + size_of(present), wanted.pages.subspan(present.raw()));
  if (!rest.has_value()) return present ? Result<PageCount>(present) : rest;
  return present + *rest;
}

// Before a pin: a fork from now on looks for pages that may be pinned.
Foll begin_pins(Mm& mm, Foll flags) {
  mm.has_pinned.store(true, std::memory_order_relaxed);
  return flags | kPin;
}

}  // namespace

Result<PageCount> get_user_pages(Faults& faults, Mm& mm, const UserPages& wanted) {
  if (!may_get(wanted.flags)) return Errno::kInvalid;
  return take(Taker(faults, mm, wanted.flags), wanted);
}

Result<PageCount> pin_user_pages(Faults& faults, Mm& mm, const UserPages& wanted) {
  if (!are_known(wanted.flags)) return Errno::kInvalid;
  return take(Taker(faults, mm, begin_pins(mm, wanted.flags)), wanted);
}

Result<PageCount> get_user_pages_fast(Faults& faults, Mm& mm, const UserPages& wanted) {
  if (!may_get(wanted.flags)) return Errno::kInvalid;
  return take_fast(Taker(faults, mm, wanted.flags), wanted);
}

Result<PageCount> pin_user_pages_fast(Faults& faults, Mm& mm, const UserPages& wanted) {
  if (!are_known(wanted.flags)) return Errno::kInvalid;
  return take_fast(Taker(faults, mm, begin_pins(mm, wanted.flags)), wanted);
}

void unpin_user_pages(const MmParts& parts, std::span<Page* const> pages, Written written) {
  for (Page* const page : pages) {
    if (written == Written::kYes) {
      lock_page(*page);
      parts.cache.set_dirty(*page);
      unlock_page(*page);
    }
    count_pin(parts, *page, NodeItem::kNrFollPinReleased);
    drop_pin(*page);
    parts.lru.put(*page);
  }
}

}  // namespace quire
