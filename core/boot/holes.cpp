#include "boot/holes.hpp"

namespace quire {
namespace {

PageCount mapped_by_sections(const NodeRange* before, const NodeRange* after, PageCount section) {
  const Pfn from = before == nullptr ? Pfn{0} : before->range.end;
  const Pfn before_end = before == nullptr ? Pfn{0} : from.align_up(section);
  if (after == nullptr) return before_end - from;
  const Pfn to = after->range.start;
  const Pfn after_start = to.align_down(section);
  if (after_start <= before_end) return to - from;
  return (before_end - from) + (to - after_start);
}

}  // namespace

ZoneType zone_at(const NodeLayout& node, Pfn pfn) {
  for (unsigned i = 0; i < kZoneTypes; ++i)
    if (node.zones[i].present && node.zones[i].span.contains(pfn)) return static_cast<ZoneType>(i);
  return ZoneType::kNormal;
}

ZoneType last_zone(const NodeLayout& node) {
  ZoneType last = ZoneType::kDma;
  for (unsigned i = 0; i < kZoneTypes; ++i)
    if (node.zones[i].present) last = static_cast<ZoneType>(i);
  return last;
}

PageCount mapped_between(const NodeRange* before, const NodeRange* after, const HoleRules& rules) {
  if (rules.model == MemoryModel::kSparse) return mapped_by_sections(before, after, rules.section);
  if (after == nullptr) return PageCount{0};
  const bool same_node = before != nullptr && before->node == after->node;
  if (rules.model == MemoryModel::kDiscontig && !same_node) return PageCount{0};
  return after->range.start - (before == nullptr ? Pfn{0} : before->range.end);
}

}  // namespace quire
