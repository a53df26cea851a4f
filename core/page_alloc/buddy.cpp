#include "page_alloc/buddy.hpp"

namespace quire {
namespace {

constexpr Order kLargest{Order::kMax};
// run_blocks 1, refcount 0: nobody was told that the block is free (page_alloc/reporting.hpp).
constexpr std::uint64_t kOneBlock = std::uint64_t{1} << 32;

constexpr PageIndex buddy_of(PageIndex index, Order order) {
  return PageIndex{raw(index) ^ 1u << order.raw()};
}
constexpr PageIndex earlier_of(PageIndex a, PageIndex b) { return PageIndex{raw(a) & raw(b)}; }
constexpr PageIndex block_start(PageIndex index, Order order) {
  return PageIndex{raw(index) & ~((1u << order.raw()) - 1)};
}

}  // namespace

void Buddy::add(Zone& zone, Block block, MigrateType type, ListEnd end) {
  Page& page = map_.at(block.index);
  page.word = PageWord(zone.page_bits, block.order, PageKind::kBuddy);
  page.list_type = type;
  page.references = kOneBlock;
  FreeArea& area = zone.free_area[block.order.raw()];
  PageList& list = area.lists[quire::index_of(type)];
  if (end == ListEnd::kFront)
    list.push_front(map_.array(), block.index);
  else
    list.push_back(map_.array(), block.index);
  ++area.nr_free;
}

void Buddy::unlink(Zone& zone, PageIndex head, Order order) {
  Page& page = map_.at(head);
  FreeArea& area = zone.free_area[order.raw()];
  area.lists[quire::index_of(page.list_type)].remove(map_.array(), head);
  --area.nr_free;
  page.word = PageWord();
}

void Buddy::add_run(Zone& zone, PageIndex index, std::uint32_t blocks) {
  add(zone, {index, kLargest}, MigrateType::kMovable, ListEnd::kBack);
  map_.at(index).run_blocks = blocks;
  zone.free_area[Order::kMax].nr_free += blocks - 1;
}

PageIndex Buddy::front_block(Zone& zone, Order order, MigrateType type) {
  PageList& list = zone.free_area[order.raw()].lists[quire::index_of(type)];
  const PageIndex head = list.front();
  if (order == kLargest) materialise(zone, head);
  return head;
}

PageIndex Buddy::take_front(Zone& zone, Order order, MigrateType type) {
  FreeArea& area = zone.free_area[order.raw()];
  PageList& list = area.lists[quire::index_of(type)];
  const PageIndex head = list.front();
  Page& page = map_.at(head);
  if (order == kLargest && page.run_blocks > 1) [[unlikely]] {
    const PageIndex rest = after(head, kMaxOrderPages.raw());
    Page& next = map_.at(rest);
    next.word = page.word;
    next.list_type = page.list_type;
    next.run_blocks = page.run_blocks - 1;
    list.replace(map_.array(), head, rest);
  } else {
    list.pop_front(map_.array());
  }
  --area.nr_free;
  return head;
}

PageIndex Buddy::take(Zone& zone, Order order, MigrateType type) {
  for (unsigned o = order.raw(); o <= Order::kMax; ++o) {
    if (zone.free_area[o].lists[quire::index_of(type)].empty()) continue;
    const PageIndex head = take_front(zone, Order{o}, type);
    for (unsigned half = o; half > order.raw();) {
      --half;
      add(zone, {after(head, std::uint64_t{1} << half), Order{half}}, type, ListEnd::kFront);
    }
    map_.at(head).word = PageWord(zone.page_bits, order, PageKind::kInterior);
    if (trace_.on()) [[unlikely]] trace_.taken(head, order, type);
    return head;
  }
  return PageIndex::kNone;
}

bool Buddy::may_merge(Zone& zone, PageIndex buddy, Order order, MigrateType type) const {
  if (!is_free_head(zone, buddy, order)) return false;
  if (order < kPageblockOrder) [[likely]] return true;
  // From here on a merge joins pageblocks: isolated and highatomic ones stay among themselves.
  const MigrateType other = map_.pageblock_type(buddy);
  return type == other || (is_mergeable(type) && is_mergeable(other));
}

bool Buddy::next_merge_likely(const Zone& zone, Block merged) const {
  if (merged.order.raw() + 1 >= Order::kMax) return false;
  const PageIndex higher = block_start(merged.index, Order{merged.order.raw() + 1});
  const Order next{merged.order.raw() + 1};
  return is_free_head(zone, buddy_of(higher, next), next);
}

void Buddy::merge_and_add(Zone& zone, Block block, MigrateType type, const ListEnd* end) {
  while (block.order < kLargest) {
    const PageIndex buddy = buddy_of(block.index, block.order);
    if (!may_merge(zone, buddy, block.order, type)) break;
    unlink(zone, buddy, block.order);
    map_.at(block.index).word = PageWord();
    block = {earlier_of(block.index, buddy), Order{block.order.raw() + 1}};
  }
  const ListEnd likely = next_merge_likely(zone, block) ? ListEnd::kBack : ListEnd::kFront;
  add(zone, block, type, end == nullptr ? likely : *end);
}

void Buddy::move(Zone& zone, PageIndex head, MigrateType to) {
  Page& page = map_.at(head);
  FreeArea& area = zone.free_area[page.word.order().raw()];
  area.lists[quire::index_of(page.list_type)].remove(map_.array(), head);
  page.list_type = to;
  area.lists[quire::index_of(to)].push_back(map_.array(), head);
}

void Buddy::remove(Zone& zone, PageIndex head) {
  unlink(zone, head, map_.at(head).word.order());
}

PageIndex Buddy::run_holding(const Zone& zone, PageIndex index) const {
  for (const PageList& list : zone.free_area[Order::kMax].lists) {
    for (std::uint32_t head = raw(list.front()); head != 0; head = map_.at(head).next) {
      const std::uint64_t pages = map_.at(head).run_blocks * kMaxOrderPages.raw();
      if (head <= raw(index) && raw(index) - head < pages) return PageIndex{head};
    }
  }
  return PageIndex::kNone;
}

void Buddy::materialise(Zone& zone, PageIndex index) {
  const PageIndex wanted = block_start(index, kLargest);
  PageIndex head = wanted;
  if (!is_free_head(zone, wanted, kLargest)) head = run_holding(zone, index);
  if (head == PageIndex::kNone) return;
  const Page& page = map_.at(head);
  PageList& list = zone.free_area[Order::kMax].lists[quire::index_of(page.list_type)];
  // Cut behind the block first, then before it: each cut leaves two shorter runs.
  const auto cut = [&](PageIndex first, PageIndex second) {
    Page& front = map_.at(first);
    Page& rest = map_.at(second);
    const auto before =
        static_cast<std::uint32_t>((raw(second) - raw(first)) / kMaxOrderPages.raw());
    if (before == 0 || before >= front.run_blocks) return;
    rest.word = front.word;
    rest.list_type = front.list_type;
    rest.run_blocks = front.run_blocks - before;
    front.run_blocks = before;
    list.insert_after(map_.array(), first, second);
  };
  cut(head, after(wanted, kMaxOrderPages.raw()));
  cut(head, wanted);
}

PageIndex Buddy::free_head(const Zone& zone, PageIndex index) const {
  for (unsigned o = 0; o <= Order::kMax; ++o) {
    const PageIndex head = block_start(index, Order{o});
    const PageWord word = map_.at(head).word;
    if (word.kind() == PageKind::kInterior) continue;
    // The first page with a state of its own is the head of the block, if it reaches this far.
    const bool covers = raw(index) - raw(head) < word.order().pages().raw();
    return covers && word.kind() == PageKind::kBuddy ? head : PageIndex::kNone;
  }
  return run_holding(zone, index);
}

}  // namespace quire
