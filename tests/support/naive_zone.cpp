// See tests/support/naive_zone.hpp.
#include "tests/support/naive_zone.hpp"

#include <algorithm>

namespace quire::model {
namespace {

// Where a type takes from when it has nothing left, in this order.
constexpr Type kInsteadOf[3][2] = {
    {kReclaimable, kMovable}, {kReclaimable, kUnmovable}, {kUnmovable, kMovable}};

constexpr bool mixes(Type type) { return type < kHighAtomic; }

std::optional<unsigned> list_of(unsigned order, Type type) {
  if (order <= 3) return 3 * order + type;
  if (order == 9) return type == kMovable ? 13 : 12;
  return std::nullopt;
}
unsigned order_of(unsigned list) { return list >= 12 ? 9 : list / 3; }

}  // namespace

void NaiveZone::put(Number page, unsigned order, Type type, bool front) {
  std::list<Number>& list = lists[order][type];
  const auto place = list.insert(front ? list.begin() : list.end(), page);
  free_[page] = {order, type, place};
}

void NaiveZone::take_out(Number page) {
  const Block block = free_.at(page);
  lists[block.order][block.type].erase(block.place);
  free_.erase(page);
}

void NaiveZone::move_to(Number page, Type type) {
  const unsigned order = free_.at(page).order;
  take_out(page);
  put(page, order, type, false);
}

void NaiveZone::count(unsigned cpu, std::int64_t pages) {
  std::int64_t& diff = sets[cpu].diff;
  diff += pages;
  if (diff <= sizes_.threshold && diff >= -sizes_.threshold) return;
  free_pages += diff;
  diff = 0;
}

std::optional<Number> NaiveZone::smallest(unsigned order, Type type) {
  for (unsigned o = order; o < kOrderCount; ++o) {
    if (lists[o][type].empty()) continue;
    const Number page = lists[o][type].front();
    take_out(page);
    while (o > order) {
      --o;
      put(page + (Number{1} << o), o, type, true);
    }
    return page;
  }
  return std::nullopt;
}

std::optional<Number> NaiveZone::from_lists(unsigned order, Type type) {
  for (;;) {
    if (const auto page = smallest(order, type)) return page;
    if (!steal(order, type)) return std::nullopt;
  }
}

std::optional<Type> NaiveZone::fallback(unsigned order, Type type) const {
  for (const Type other : kInsteadOf[type])
    if (!lists[order][other].empty()) return other;
  return std::nullopt;
}

// The largest block of another type; movable pages that cannot have its pageblock take the
// smallest instead.
bool NaiveZone::steal(unsigned order, Type type) {
  for (unsigned o = kOrderCount; o-- > order;) {
    if (!fallback(o, type)) continue;
    unsigned chosen = o;
    if (type == kMovable && o < 4 && o > order) {
      chosen = order;
      while (!fallback(chosen, type)) ++chosen;
    }
    steal_from(lists[chosen][*fallback(chosen, type)].front(), chosen, type);
    return true;
  }
  return false;
}

void NaiveZone::steal_from(Number page, unsigned order, Type type) {
  const Type old_type = type_of(page);
  if (old_type == kHighAtomic) return move_to(page, type);
  if (order >= 9) {
    for (Number p = page; p < page + (Number{1} << order); p += 512) set_type(p, type);
    return move_to(page, type);
  }
  const std::int64_t most = sizes_.high + sizes_.high / 2;
  if (sizes_.managed >= 4 * 512 && most != 0)
    boost = std::min(boost + 512, std::max<std::int64_t>(512, most));
  if (type == kMovable && order < 4) return move_to(page, type);
  const std::int64_t moved = move_block(page, type);
  if (moved == 0) return move_to(page, type);
  // No page that is in use looks movable here: nothing is on an LRU list.
  const std::int64_t alike = type != kMovable && old_type == kMovable ? 512 - moved : 0;
  if (moved + alike >= 256) set_type(page, type);
}

std::int64_t NaiveZone::move_block(Number page, Type type) {
  Number at = page & ~Number{511};
  const Number end = at + 512;
  if (at < sizes_.span.start.raw()) at = page;
  if (end > sizes_.span.end.raw()) return 0;
  std::int64_t moved = 0;
  while (at < end) {
    const auto found = free_.find(at);
    if (found == free_.end()) {
      ++at;
      continue;
    }
    const Number pages = Number{1} << found->second.order;
    move_to(at, type);
    moved += static_cast<std::int64_t>(pages);
    at += pages;
  }
  return moved;
}

bool NaiveZone::may_merge(Number buddy, unsigned order, Type type) const {
  const auto found = free_.find(buddy);
  if (found == free_.end() || found->second.order != order) return false;
  if (order < 9) return true;
  return type_of(buddy) == type || (mixes(type_of(buddy)) && mixes(type));
}

void NaiveZone::merge(Number page, unsigned order, Type type) {
  while (order < Order::kMax && may_merge(page ^ Number{1} << order, order, type)) {
    take_out(page ^ Number{1} << order);
    page &= ~(Number{1} << order);
    ++order;
  }
  bool front = true;
  if (order < Order::kMax - 1) {
    const Number above = page & ~(Number{1} << order);
    const auto next = free_.find(above ^ Number{2} << order);
    front = next == free_.end() || next->second.order != order + 1;
  }
  put(page, order, type, front);
}

bool NaiveZone::has_block(unsigned order, bool reserved) const {
  for (unsigned o = order; o < kOrderCount; ++o)
    for (unsigned type = 0; type < kTypes; ++type)
      if ((type == kHighAtomic) == reserved && !lists[o][type].empty()) return true;
  return false;
}

bool NaiveZone::watermark_ok(Ask ask, const Flags& flags, std::int64_t mark) const {
  std::int64_t usable = free_pages - ((std::int64_t{1} << ask.order) - 1);
  if (!flags.min_reserve && !flags.non_block && !flags.high_atomic) usable -= reserved;
  if (flags.min_reserve) mark -= mark / 2;
  if (flags.min_reserve && flags.non_block) mark -= mark / 4;
  if (usable <= mark) return false;
  if (ask.order == 0 || has_block(ask.order, false)) return true;
  return flags.high_atomic && has_block(ask.order, true);
}

bool NaiveZone::enough(Ask ask, const Flags& flags) const {
  if (ask.order == 0) {
    const bool reserves = flags.min_reserve || flags.non_block;
    if (free_pages - (reserves ? 0 : reserved) > flags.mark) return true;
  }
  if (watermark_ok(ask, flags, flags.mark)) return true;
  return flags.ignores_boost && ask.order == 0 && boost != 0 &&
         watermark_ok(ask, flags, sizes_.min);
}

std::optional<Number> NaiveZone::from_set(unsigned cpu, Ask ask) {
  const unsigned order = ask.order;
  const Type type = ask.type;
  NaiveSet& set = sets[cpu];
  std::list<Number>& list = set.lists[*list_of(order, type)];
  if (list.empty()) {
    std::int64_t blocks = sizes_.batch;
    if (blocks > 1) blocks = std::max<std::int64_t>(blocks >> order, 2);
    std::int64_t pages = 0;
    for (; blocks > 0; --blocks) {
      const auto page = from_lists(order, type);
      if (!page) break;
      list.push_back(*page);
      set_types_[*page] = type;
      pages += std::int64_t{1} << order;
    }
    set.count += pages;
    count(cpu, -pages);
  }
  if (list.empty()) return std::nullopt;
  const Number page = list.front();
  list.pop_front();
  set.count -= std::int64_t{1} << order;
  return page;
}

std::optional<Number> NaiveZone::try_zone(unsigned cpu, Ask ask, const Flags& flags) {
  if (!enough(ask, flags)) return std::nullopt;
  std::optional<Number> page;
  if (list_of(ask.order, ask.type)) {
    sets[cpu].free_factor >>= 1;
    page = from_set(cpu, ask);
  }
  if (!page) {
    if (flags.high_atomic) page = smallest(ask.order, kHighAtomic);
    if (!page) page = from_lists(ask.order, ask.type);
    if (!page && flags.non_block) page = smallest(ask.order, kHighAtomic);
    if (page) count(cpu, -(std::int64_t{1} << ask.order));
  }
  if (page && flags.high_atomic) reserve_block(*page);
  return page;
}

std::optional<Number> NaiveZone::allocate(unsigned cpu, Ask ask) {
  if (const auto page = try_zone(cpu, ask, {sizes_.low + boost, false, false, false, false}))
    return page;
  return slowly(cpu, ask);
}

std::optional<Number> NaiveZone::slowly(unsigned cpu, Ask ask) {
  for (;;) {
    const Flags flags{sizes_.min + boost, ask.atomic, ask.atomic, ask.atomic && ask.order > 0,
                      ask.atomic};
    if (const auto page = try_zone(cpu, ask, flags)) return page;
    if (ask.atomic || ask.order > 3) return std::nullopt;
    // Before a victim is sought, the highatomic reserve goes.
    if (!unreserve(ask.type)) break;
  }
  return try_zone(cpu, ask, {sizes_.high + boost, false, false, false, false});
}

void NaiveZone::reserve_block(Number page) {
  if (reserved >= sizes_.managed / 100 + 512 || !mixes(type_of(page))) return;
  reserved += 512;
  set_type(page, kHighAtomic);
  move_block(page, kHighAtomic);
}

bool NaiveZone::unreserve(Type type) {
  for (unsigned o = 0; o < kOrderCount; ++o) {
    if (lists[o][kHighAtomic].empty()) continue;
    const Number page = lists[o][kHighAtomic].front();
    if (type_of(page) == kHighAtomic) reserved -= std::min<std::int64_t>(512, reserved);
    set_type(page, type);
    if (move_block(page, type) != 0) return true;
  }
  return false;
}

void NaiveZone::free(unsigned cpu, Number page, unsigned order) {
  const Type type = type_of(page);
  const auto number = list_of(order, mixes(type) ? type : kMovable);
  if (!number) {
    count(cpu, std::int64_t{1} << order);
    return merge(page, order, type);
  }
  NaiveSet& set = sets[cpu];
  set.lists[*number].push_front(page);
  set_types_[page] = type;
  set.count += std::int64_t{1} << order;
  const bool burst = set.free_factor != 0 && order != 0 && order <= 3;
  if (burst) return give_back({cpu, cpu}, set.count, *number);
  if (set.count < sizes_.set_high) return;
  if (sizes_.set_high < sizes_.batch) return give_back({cpu, cpu}, 1, *number);
  const std::int64_t most = sizes_.set_high - sizes_.batch;
  const std::int64_t scaled = sizes_.batch << set.free_factor;
  if (scaled < most && set.free_factor < 5) ++set.free_factor;
  give_back({cpu, cpu}, std::clamp(scaled, sizes_.batch, most), *number);
}

void NaiveZone::give_back(Flusher who, std::int64_t pages, unsigned list) {
  NaiveSet& set = sets[who.cpu];
  pages = std::min(pages, set.count);
  for (; pages > 0; list = (list + 1) % kPcpLists) {
    const unsigned order = order_of(list);
    while (pages > 0 && !set.lists[list].empty()) {
      const Number page = set.lists[list].back();
      set.lists[list].pop_back();
      const std::int64_t length = std::int64_t{1} << order;
      pages -= length;
      set.count -= length;
      count(who.counts_on, length);
      merge(page, order, set_types_.at(page));
    }
  }
}

std::vector<Number> NaiveZone::allocate_bulk(unsigned cpu, Type type, unsigned wanted) {
  std::vector<Number> got;
  const Ask ask{0, type, false};
  if (wanted > 1 && enough(ask, {sizes_.low + boost + wanted, false, false, false, false})) {
    while (got.size() < wanted) {
      const auto page = from_set(cpu, ask);
      if (!page) break;
      got.push_back(*page);
    }
    if (!got.empty()) return got;
  }
  if (const auto page = allocate(cpu, ask)) got.push_back(*page);
  return got;
}

}  // namespace quire::model
