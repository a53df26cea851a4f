// Pages that nobody uses any more, and pages that are locked in memory.
#include "lru/lru.hpp"

namespace quire {
namespace {

// What of a page's flags does not go with its last reference: it is still used, or broken.
constexpr std::uint32_t kKeptAtFree =
    static_cast<std::uint32_t>(PageFlag::kLocked) | static_cast<std::uint32_t>(PageFlag::kPrivate) |
    static_cast<std::uint32_t>(PageFlag::kWriteback) |
    static_cast<std::uint32_t>(PageFlag::kSwapCache) |
    static_cast<std::uint32_t>(PageFlag::kHwpoison);

void count_here(VmEvent event, std::int64_t pages) {
  count_event(Arch::current()->percpu, event, static_cast<std::uint64_t>(pages));
}

std::int64_t length_of(const Page& page) {
  return static_cast<std::int64_t>(page.word_racy().order().pages().raw());
}

}  // namespace

void Lru::put(Page& page) {
  if (!drop_reference(page)) return;
  unlist(page);
  free_dead(page);
}

// The last of those that die is freed first, as Linux does it.
void Lru::put_all(std::span<const PageIndex> pages) {
  const PageArray map = parts_.map.array();
  PageList dead;
  for (std::size_t i = 0; i < pages.size();) {
    Page& first = map.at(pages[i]);
    if (!drop_reference(first)) {
      ++i;
      continue;
    }
    NodeLists& node = lists_of(first);
    const SpinGuard guard(node.lock);
    // The lock is kept for those of the same node that follow and die too.
    for (;;) {
      Page& page = map.at(pages[i]);
      if (test_and_clear(page, PageFlag::kLru)) unlink_locked(node, page);
      dead.push_front(map, pages[i]);
      do ++i;
      while (i < pages.size() && &lists_of(map.at(pages[i])) == &node &&
             !drop_reference(map.at(pages[i])));
      if (i == pages.size() || &lists_of(map.at(pages[i])) != &node) break;
    }
  }
  while (!dead.empty()) free_dead(map.at(dead.pop_front(map)));
}

// Nobody has a reference, so that nobody moves it.
void Lru::unlist(Page& page) {
  if (!has_flag(page, PageFlag::kLru)) return;
  NodeLists& node = lists_of(page);
  const SpinGuard guard(node.lock);
  clear_flag(page, PageFlag::kLru);
  unlink_locked(node, page);
}

void Lru::free_dead(Page& page) {
  const PageWord word = page.word_racy();
  if (word.has(PageFlag::kMlocked)) {
    count_mlocked(page, -length_of(page));
    count_here(VmEvent::kUnevictablePgsCleared, length_of(page));
  }
  PageWord clean(word.zone_bits(), word.order(), word.kind());
  for (std::uint32_t kept = word.raw() & kKeptAtFree; kept != 0; kept &= kept - 1)
    clean.set(static_cast<PageFlag>(kept & ~(kept - 1)));
  page.set_word(clean);
  if (is_anonymous(page)) clear_home(page);
  page.refcount = 1;
  parts_.pages.free(page, word.order());
}

void Lru::count_mlocked(const Page& page, std::int64_t pages) const {
  Zone& zone = parts_.nodes.zone_of(page.word_racy());
  mod_zone_state(Arch::current()->percpu, zone, ZoneItem::kNrMlock, pages);
}

void Lru::mlock(Page& page) {
  if (!test_and_set(page, PageFlag::kMlocked)) {
    count_mlocked(page, length_of(page));
    count_here(VmEvent::kUnevictablePgsMlocked, length_of(page));
  }
  NodeLists& node = lists_of(page);
  const SpinGuard guard(node.lock);
  if (!has_flag(page, PageFlag::kLru)) return;  // whoever adds it sees kMlocked
  if (has_flag(page, PageFlag::kUnevictable)) {
    ++mlock_count(page);
    return;
  }
  unlink_locked(node, page);
  enter_locked(node, page);
}

void Lru::munlock(Page& page) {
  NodeLists& node = lists_of(page);
  const SpinGuard guard(node.lock);
  if (has_flag(page, PageFlag::kLru) && has_flag(page, PageFlag::kUnevictable)) {
    if (mlock_count(page) > 1) {
      --mlock_count(page);
      return;
    }
    mlock_count(page) = 0;
  }
  munlock_locked(node, page);
}

void Lru::munlock_locked(NodeLists& node, Page& page) {
  const bool listed = has_flag(page, PageFlag::kLru);
  if (test_and_clear(page, PageFlag::kMlocked)) {
    count_mlocked(page, -length_of(page));
    const bool stranded = !listed && has_flag(page, PageFlag::kUnevictable);
    count_here(stranded ? VmEvent::kUnevictablePgsStranded : VmEvent::kUnevictablePgsMunlocked,
               length_of(page));
  }
  if (!listed || !has_flag(page, PageFlag::kUnevictable)) return;
  unlink_locked(node, page);
  enter_locked(node, page);
}

}  // namespace quire
