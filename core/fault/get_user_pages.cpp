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

 private:
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
    if (references_to(page) > kMostReferences) return Next::kRefused;
    if (has(Foll::kLongterm) && is_movable(page)) return Next::kRefused;
    use(page, format.prot_of(entry));
    taken = &page;
    return Next::kDone;
  }

  [[nodiscard]] bool is_movable(const Page& page) const {
    return mm_.parts.nodes.zone_of(page.word_racy()).type == ZoneType::kMovable;
  }

  void use(Page& page, Prot prot) {
    if (has(kPin)) {
      pin_page(page);
      count_pin(mm_.parts, page, NodeItem::kNrFollPinAcquired);
    } else {
      get_page(page);
    }
    if (has(Foll::kWrite) && !any(prot & Prot::kDirty)) mm_.parts.cache.set_dirty(page);
    mm_.parts.lru.mark_accessed(page);
  }

  Faults& faults_;
  Mm& mm_;
  const Foll flags_;
};

constexpr Foll kKnown = Foll::kWrite | Foll::kForce | Foll::kLongterm;

bool are_known(Foll flags) { return (raw(flags) & ~raw(kKnown)) == 0; }

}  // namespace

Result<PageCount> get_user_pages(Faults& faults, Mm& mm, const UserPages& wanted) {
  if (!are_known(wanted.flags) || any(wanted.flags & Foll::kLongterm)) return Errno::kInvalid;
  return Taker(faults, mm, wanted.flags).take(wanted.start.align_down(kPageSize), wanted.pages);
}

Result<PageCount> pin_user_pages(Faults& faults, Mm& mm, const UserPages& wanted) {
  if (!are_known(wanted.flags)) return Errno::kInvalid;
  mm.has_pinned.store(true, std::memory_order_relaxed);
  const Foll flags = wanted.flags | kPin;
  return Taker(faults, mm, flags).take(wanted.start.align_down(kPageSize), wanted.pages);
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
