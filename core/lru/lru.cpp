// Batches, and the moves between lists.
#include "lru/lru.hpp"

namespace quire {
namespace {

static_assert(index_of(NodeItem::kNrUnevictable) - index_of(NodeItem::kNrInactiveAnon) ==
              index_of(LruList::kUnevictable));
static_assert(index_of(ZoneItem::kNrZoneUnevictable) - index_of(ZoneItem::kNrZoneInactiveAnon) ==
              index_of(LruList::kUnevictable));

std::int64_t length_of(PageWord word) {
  return static_cast<std::int64_t>(word.order().pages().raw());
}

bool is_file(PageWord word) { return !word.has(PageFlag::kSwapBacked); }

// What differs from the bits of their zone alone where pages are single and need not stay.
constexpr std::uint32_t kNotPlain = ~(PageWord::kFlagMask | PageWord::kKindMask) |
                                    static_cast<std::uint32_t>(PageFlag::kMlocked) |
                                    static_cast<std::uint32_t>(PageFlag::kUnevictable);

bool may_lazy_free(const Page& page) {
  const PageWord word = page.word_racy();
  return is_anonymous(page) && !is_file(word) && !word.has(PageFlag::kSwapCache) &&
         !word.has(PageFlag::kUnevictable);
}

}  // namespace

void Lru::count_here(VmEvent event, std::int64_t pages) {
  count_event(Arch::current()->percpu, event, static_cast<std::uint64_t>(pages));
}

Result<void> Lru::init(Arena& arena) {
  QUIRE_TRY_ASSIGN(nodes, arena.make_array<NodeLists>(parts_.nodes.all().size()));
  QUIRE_TRY_ASSIGN(cpus, arena.make_array<Cpu>(parts_.nodes.cpu_count()));
  nodes_ = nodes;
  cpus_ = cpus;
  return {};
}

void Lru::add(Page& page) { queue(page, Move::kAdd); }

void Lru::activate(Page& page) {
  const PageWord word = page.word_racy();
  if (word.has(PageFlag::kLru) && !word.has(PageFlag::kActive) && !word.has(PageFlag::kUnevictable))
    queue(page, Move::kActivate);
}

void Lru::deactivate(Page& page) {
  const PageWord word = page.word_racy();
  if (word.has(PageFlag::kLru) && word.has(PageFlag::kActive) && !word.has(PageFlag::kUnevictable))
    queue(page, Move::kDeactivate);
}

void Lru::deactivate_file(Page& page) {
  if (!has_flag(page, PageFlag::kUnevictable)) queue(page, Move::kDeactivateFile);
}

void Lru::lazy_free(Page& page) {
  if (has_flag(page, PageFlag::kLru) && may_lazy_free(page)) queue(page, Move::kLazyFree);
}

void Lru::rotate(Page& page) {
  const PageWord word = page.word_racy();
  if (word.has(PageFlag::kLru) && !word.has(PageFlag::kUnevictable) &&
      !word.has(PageFlag::kLocked) && !word.has(PageFlag::kDirty))
    queue(page, Move::kRotate);
}

void Lru::mark_accessed(Page& page) {
  const PageWord word = page.word_racy();
  if (!word.has(PageFlag::kReferenced)) {
    set_flag(page, PageFlag::kReferenced);
    return;
  }
  if (word.has(PageFlag::kUnevictable) || word.has(PageFlag::kActive)) return;
  if (word.has(PageFlag::kLru))
    activate(page);
  else
    activate_waiting(page);
  clear_flag(page, PageFlag::kReferenced);
}

// A page that waits here to be added goes to the active list when it is.
void Lru::activate_waiting(Page& page) {
  Cpu& cpu = here();
  if (!cpu.lock.try_lock()) return;
  const Batch& batch = cpu.batches.data()[static_cast<unsigned>(Move::kAdd)];
  const PageIndex index = parts_.map.index_of(page);
  for (std::uint32_t i = batch.count; i-- > 0;) {
    if (batch.pages.data()[i] != index) continue;
    set_flag(page, PageFlag::kActive);
    break;
  }
  cpu.lock.unlock();
}

void Lru::queue(Page& page, Move move) {
  get_page(page);
  const PageIndex index = parts_.map.index_of(page);
  Cpu& cpu = here();
  // Someone drains this CPU right now: what comes after that is drained as it comes.
  if (!cpu.lock.try_lock()) return make_all({&index, 1}, move);
  Batch& batch = cpu.batches.data()[static_cast<unsigned>(move)];
  const std::uint32_t count = batch.count + 1;
  batch.pages.data()[count - 1] = index;
  batch.count = count;
  if (count == kBatchPages || page.word_racy().is(PageKind::kCompound)) {
    make_all({batch.pages.data(), count}, move);
    batch.count = 0;
  }
  cpu.lock.unlock();
}

void Lru::drain(Cpu& cpu) {
  for (unsigned move = 0; move < kMoves; ++move) {
    Batch& batch = cpu.batches.data()[move];
    if (batch.count == 0) continue;
    make_all({batch.pages.data(), batch.count}, static_cast<Move>(move));
    batch.count = 0;
  }
}

// Moves that others make right now may be among them.
bool Lru::has_waiting(const Cpu& cpu) QUIRE_NO_THREAD_SAFETY_ANALYSIS {
  std::uint32_t any = 0;
#pragma GCC unroll 8
  for (unsigned move = 0; move < kMoves; ++move) any |= cpu.batches.data()[move].count;
  return any != 0;
}

void Lru::drain_here() {
  Cpu& cpu = here();
  if (!has_waiting(cpu)) return;
  while (!cpu.lock.try_lock()) Arch::current()->host->yield();
  drain(cpu);
  cpu.lock.unlock();
}

void Lru::try_drain_here() {
  Cpu& cpu = here();
  if (!cpu.lock.try_lock()) return;
  drain(cpu);
  cpu.lock.unlock();
}

void Lru::drain_all() {
  for (Cpu& cpu : cpus_) {
    cpu.lock.claim(*Arch::current()->host);
    drain(cpu);
    cpu.lock.release();
  }
}

void Lru::make_all(std::span<const PageIndex> pages, Move move) {
  const PageArray map = parts_.map.array();
  for (std::size_t i = 0; i < pages.size();) {
    const PageWord first = map.at(pages.data()[i]).word_racy();
    NodeLists& node = lists_of(first);
    Growth growth;
    const SpinGuard guard(node.lock);
    if (move == Move::kAdd) i += add_plain_locked(node, pages.subspan(i), first, growth);
    for (; i < pages.size(); ++i) {
      Page& page = map.at(pages.data()[i]);
      if (page.word_racy().zone() != first.zone()) break;
      make_locked(node, page, move, growth);
    }
    count(first, growth);
  }
  put_all(pages);
}

void Lru::make_locked(NodeLists& node, Page& page, Move move, Growth& growth) {
  if (move == Move::kAdd)
    enter_locked(node, page, growth);
  else if (has_flag(page, PageFlag::kLru) && !has_flag(page, PageFlag::kUnevictable))
    move_locked(node, page, move, growth);
}

void Lru::enter_locked(NodeLists& node, Page& page, Growth& growth) {
  const PageWord word = page.word_racy();
  if (word.has(PageFlag::kMlocked)) {
    clear_flag(page, PageFlag::kActive);
    set_flag(page, PageFlag::kUnevictable);
    if (!word.has(PageFlag::kUnevictable))
      count_here(VmEvent::kUnevictablePgsCulled, length_of(word));
  } else if (word.has(PageFlag::kUnevictable)) {
    clear_flag(page, PageFlag::kUnevictable);
    count_here(VmEvent::kUnevictablePgsRescued, length_of(word));
  }
  set_flag(page, PageFlag::kLru);
  link_locked(node, page, growth);
}

std::size_t Lru::add_plain_locked(NodeLists& node, std::span<const PageIndex> pages,
                                  PageWord first, Growth& growth) {
  const PageArray map = parts_.map.array();
  std::size_t count = 0;
  for (; count < pages.size(); ++count) {
    const PageIndex index = pages.data()[count];
    Page& page = map.at(index);
    const PageWord word = page.word_racy();
    if (((word.raw() ^ first.zone_bits()) & kNotPlain) != 0) break;
    set_flag(page, PageFlag::kLru);
    const unsigned list = index_of(lru_list_of(word));
    growth.pages.data()[list] += 1;
    node.lists.data()[list].push_front(map, page, index);
  }
  return count;
}

// To the list that it belongs to now.
void Lru::reenter_locked(NodeLists& node, Page& page) {
  Growth growth;
  unlink_locked(node, page, growth);
  enter_locked(node, page, growth);
  count(page.word_racy(), growth);
}

// `page` is on a linked list of `node`.
void Lru::move_locked(NodeLists& node, Page& page, Move move, Growth& growth) {
  const bool active = has_flag(page, PageFlag::kActive);
  if (move == Move::kActivate ? active : move == Move::kDeactivate && !active) return;
  if (move == Move::kLazyFree && !may_lazy_free(page)) return;
  const PageWord word = page.word_racy();
  const bool busy = word.has(PageFlag::kDirty) || word.has(PageFlag::kWriteback);
  if (move == Move::kDeactivateFile && __atomic_load_n(&page.mapcount, __ATOMIC_RELAXED) != 0)
    return;
  const std::int64_t length = length_of(word);
  unlink_locked(node, page, growth);
  if (move == Move::kActivate) {
    set_flag(page, PageFlag::kActive);
    link_locked(node, page, growth);
    count_here(VmEvent::kPgactivate, length);
    return;
  }
  clear_flag(page, PageFlag::kActive);
  const bool last = move == Move::kRotate || (move == Move::kDeactivateFile && !busy);
  if (move != Move::kRotate) clear_flag(page, PageFlag::kReferenced);
  if (move == Move::kDeactivateFile && busy) set_flag(page, PageFlag::kReclaim);
  if (move == Move::kLazyFree) clear_flag(page, PageFlag::kSwapBacked);
  link_locked(node, page, growth, last ? End::kBack : End::kFront);
  if (last) count_here(VmEvent::kPgrotated, length);
  if (active && (move == Move::kDeactivate || move == Move::kDeactivateFile))
    count_here(VmEvent::kPgdeactivate, length);
  if (move == Move::kLazyFree) count_here(VmEvent::kPglazyfree, length);
}

void Lru::link_locked(NodeLists& node, Page& page, Growth& growth, End end) {
  const PageWord word = page.word_racy();
  const LruList list = lru_list_of(word);
  growth.pages.data()[index_of(list)] += length_of(word);
  if (list == LruList::kUnevictable) {
    mlock_count(page) = word.has(PageFlag::kMlocked) ? 1 : 0;
    return;
  }
  const PageArray map = parts_.map.array();
  PageList& pages = node.lists.data()[index_of(list)];
  if (end == End::kFront)
    pages.push_front(map, page, map.index_of(page));
  else
    pages.push_back(map, map.index_of(page));
}

void Lru::unlink_locked(NodeLists& node, Page& page, Growth& growth) {
  const PageWord word = page.word_racy();
  const LruList list = lru_list_of(word);
  growth.pages.data()[index_of(list)] -= length_of(word);
  const PageArray map = parts_.map.array();
  if (list != LruList::kUnevictable)
    node.lists.data()[index_of(list)].remove(map, map.index_of(page));
}

void Lru::count(PageWord word, const Growth& growth) const {
  std::byte* const area = Arch::current()->percpu;
  Zone& zone = parts_.nodes.zone_of(word);
  Node& node = parts_.nodes.node(zone.node);
  for (unsigned list = 0; list < growth.pages.size(); ++list) {
    const std::int64_t pages = growth.pages.data()[list];
    if (pages == 0) continue;
    const auto node_item = index_of(NodeItem::kNrInactiveAnon) + list;
    const auto zone_item = index_of(ZoneItem::kNrZoneInactiveAnon) + list;
    mod_node_state(area, node, static_cast<NodeItem>(node_item), pages);
    mod_zone_state(area, zone, static_cast<ZoneItem>(zone_item), pages);
  }
}

bool Lru::isolate(Page& page) {
  NodeLists& node = lists_of(page);
  const SpinGuard guard(node.lock);
  if (!test_and_clear(page, PageFlag::kLru)) return false;
  get_page(page);
  Growth growth;
  unlink_locked(node, page, growth);
  count(page.word_racy(), growth);
  return true;
}

void Lru::put_back(Page& page) {
  add(page);
  put(page);
}

}  // namespace quire
