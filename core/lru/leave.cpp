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

std::int64_t length_of(const Page& page) {
  return static_cast<std::int64_t>(page.word_racy().order().pages().raw());
}

}  // namespace

void Lru::put(Page& page, std::int32_t references) {
  if (!drop_references(page, references)) return;
  NodeLists& node = lists_of(page);
  {
    const SpinGuard guard(node.lock);
    Growth growth;
    retire_locked(node, page, growth);
    count(page.word_racy(), growth);
  }
  page.next = raw(PageIndex::kNone);
  free_dead(parts_.map.index_of(page));
}

// The last of those that die is freed first, as Linux does it.
void Lru::put_all(std::span<const PageIndex> pages) {
  const PageArray map = parts_.map.array();
  PageIndex dead = PageIndex::kNone;
  for (std::size_t i = 0; i < pages.size(); ++i) {
    if (!drop_reference(map.at(pages.data()[i]))) continue;
    const PageWord first = map.at(pages.data()[i]).word_racy();
    NodeLists& node = lists_of(first);
    Growth growth;
    const SpinGuard guard(node.lock);
    // The lock is kept for those of the same zone that follow and die too.
    for (bool dies = true;;) {
      Page& page = map.at(pages.data()[i]);
      if (dies) {
        retire_locked(node, page, growth);
        page.next = raw(dead);
        dead = pages.data()[i];
      }
      if (i + 1 == pages.size()) break;
      Page& next = map.at(pages.data()[i + 1]);
      if (next.word_racy().zone() != first.zone()) break;
      dies = drop_reference(next);
      ++i;
    }
    count(first, growth);
  }
  free_dead(dead);
}

// Takes a page off its list and makes it as free pages are. Nobody has a reference, so that nobody
// moves it.
void Lru::retire_locked(NodeLists& node, Page& page, Growth& growth) {
  const PageWord word = page.word_racy();
  if (word.has(PageFlag::kLru)) unlink_locked(node, page, growth);
  if (word.has(PageFlag::kMlocked)) {
    count_mlocked(page, -length_of(page));
    count_here(VmEvent::kUnevictablePgsCleared, length_of(page));
  }
  PageWord clean(word.zone_bits(), word.order(), word.kind());
  for (std::uint32_t kept = word.raw() & kKeptAtFree; kept != 0; kept &= kept - 1)
    clean.set(static_cast<PageFlag>(kept & ~(kept - 1)));
  page.set_word(clean);
  if (is_anonymous(page)) clear_home(page);
}

// Frees pages that are linked by Page::next.
void Lru::free_dead(PageIndex first) {
  const PageArray map = parts_.map.array();
  std::array<Page*, 32> single;
  std::size_t singles = 0;
  const auto free_singles = [&] {
    parts_.pages.free_pages({single.data(), singles});
    singles = 0;
  };
  while (first != PageIndex::kNone) {
    Page& page = map.at(first);
    first = PageIndex{page.next};
    page.refcount = 1;  // the allocator's to drop
    const Order order = page.word_racy().order();
    if (order == Order{0}) [[likely]] {
      single.data()[singles++] = &page;
      if (singles == single.size()) free_singles();
      continue;
    }
    free_singles();
    parts_.pages.free(page, order);
  }
  free_singles();
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
  reenter_locked(node, page);
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
  reenter_locked(node, page);
}

}  // namespace quire
