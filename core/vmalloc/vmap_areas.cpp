#include "vmalloc/vmap_areas.hpp"

namespace quire {
namespace {

// Spreads addresses over all numbers, the same way each time.
std::uint32_t priority_of(VirtAddr address) {
  constexpr std::uint64_t kOddFraction = 0x9e3779b97f4a7c15;  // of 2^64, the golden ratio's
  const std::uint64_t page = address.raw() >> kPageShift;
  const std::uint64_t mixed = page * kOddFraction;
  return static_cast<std::uint32_t>((mixed ^ mixed >> 29) * kOddFraction >> 32);
}

Bytes max_gap_of(const VmapArea* area) { return area == nullptr ? Bytes{} : area->max_gap; }

}  // namespace

VmapAreas::VmapAreas(VirtRange space) : space_(space) {
  tail_.start = tail_.end = space.end;
  tail_.max_gap = space.length();
  root_ = &tail_;
}

bool VmapAreas::insert_lowest(VmapArea& area, const Wish& wish) {
  const bool simple = wish.align == kPageSize;
  const bool hinted = simple && hint_.last != nullptr && wish.size >= hint_.size &&
                      wish.within.start == hint_.floor;
  VmapArea* const before = hinted ? hint_.last : nullptr;
  if (hinted && fits_before(*before->next, wish, area))
    link_before(area, *before->next);
  else if (!search(hinted ? before->next : root_, !hinted, wish, area))
    return false;
  if (!simple) return true;
  const bool follows = hinted && before->end == area.start;
  hint_ = {&area, follows ? hint_.size : wish.size, wish.within.start};
  return true;
}

// In order of address through the gaps, past subtrees without one that is long enough and past
// those that lie below the range. `from_above`: nothing below `at` has been looked at.
bool VmapAreas::search(VmapArea* at, bool from_above, const Wish& wish, VmapArea& area) {
  while (at != nullptr) {
    if (from_above && max_gap_of(at->left) >= wish.size &&
        at->previous->start > wish.within.start) {
      at = at->left;
      continue;
    }
    if (fits_before(*at, wish, area)) {
      link_before(area, *at);
      return true;
    }
    if (at->start >= wish.within.end) return false;
    if (max_gap_of(at->right) >= wish.size) {
      at = at->right;
      from_above = true;
      continue;
    }
    const VmapArea* child;
    do {
      refresh(*at);
      child = at;
      at = at->parent;
    } while (at != nullptr && child == at->right);
    from_above = false;
  }
  return false;
}

bool VmapAreas::insert_at(VmapArea& area) {
  VmapArea* const next = first_ending_after(area.start);
  const bool free = gap_start(*next) <= area.start && area.end <= next->start;
  if (!free || area.end <= area.start) return false;
  link_before(area, *next);
  return true;
}

VmapArea* VmapAreas::first_ending_after(VirtAddr address) const {
  VmapArea* found = nullptr;
  for (VmapArea* at = root_; at != nullptr;) {
    if (address < at->end) {
      found = at;
      at = at->left;
    } else {
      at = at->right;
    }
  }
  return found != nullptr ? found : const_cast<VmapArea*>(&tail_);
}

VmapArea* VmapAreas::find(VirtAddr address) const {
  VmapArea* at = root_;
  while (at != nullptr && !(at->start <= address && address < at->end))
    at = address < at->start ? at->left : at->right;
  return at == nullptr || at->state != VmapState::kUsed ? nullptr : at;
}

VmapArea* VmapAreas::first_from(VirtAddr address) const {
  VmapArea* at = first_ending_after(address);
  while (at->state != VmapState::kUsed) at = at->next;
  return at == &tail_ ? nullptr : at;
}

VmapArea* VmapAreas::first_lazy_from(VirtAddr address) const {
  VmapArea* at = first_ending_after(address);
  while (at != &tail_ && at->state != VmapState::kLazy) at = at->next;
  return at == &tail_ ? nullptr : at;
}

void VmapAreas::free_lazily(VmapArea& area, VmapArea*& spare) {
  lazy_pages_ += whole_pages(area.length());
  VmapArea* kept = &area;
  const auto merge = [&](VmapArea& low, VmapArea& high) {
    low.end = high.start = high.end;
    erase(high);
    if (hint_.last == &high) hint_.last = &low;
    high.next = spare;
    spare = &high;
  };
  if (VmapArea* const before = area.previous;
      before != nullptr && before->state == VmapState::kLazy && before->end == area.start) {
    merge(*before, area);
    kept = before;
  } else {
    area.state = VmapState::kLazy;
    area.lazy_previous = nullptr;
    area.lazy_next = lazy_;
    if (lazy_ != nullptr) lazy_->lazy_previous = &area;
    lazy_ = &area;
  }
  VmapArea& after = *kept->next;
  if (after.state != VmapState::kLazy || after.start != kept->end) return;
  (after.lazy_previous != nullptr ? after.lazy_previous->lazy_next : lazy_) = after.lazy_next;
  if (after.lazy_next != nullptr) after.lazy_next->lazy_previous = after.lazy_previous;
  merge(*kept, after);
}

VmapArea* VmapAreas::begin_purge() {
  VmapArea* const purged = lazy_;
  for (VmapArea* area = purged; area != nullptr; area = area->lazy_next)
    area->state = VmapState::kPurging;
  lazy_ = nullptr;
  lazy_pages_ = PageCount{};
  return purged;
}

void VmapAreas::end_purge(VmapArea* purged) {
  hint_ = {};
  for (; purged != nullptr; purged = purged->lazy_next) erase(*purged);
}

// Of two neighbours one has no child towards the other: there the new one goes, and then up to
// where its priority puts it.
void VmapAreas::link_before(VmapArea& area, VmapArea& next) {
  VmapArea* const previous = next.previous;
  area.state = VmapState::kUsed;
  area.left = area.right = nullptr;
  area.priority = priority_of(area.start);
  area.previous = previous;
  area.next = &next;
  next.previous = &area;
  if (previous != nullptr) previous->next = &area;
  if (next.left == nullptr) {
    next.left = &area;
    area.parent = &next;
  } else {
    previous->right = &area;
    area.parent = previous;
  }
  area.max_gap = gap(area);
  raise(area.parent, area.max_gap);
  while (area.parent != nullptr && area.priority > area.parent->priority) rotate_up(area);
  ++count_;
}

// It is moved down to where it has one child at most.
void VmapAreas::erase(VmapArea& area) {
  while (area.left != nullptr && area.right != nullptr)
    rotate_up(area.left->priority > area.right->priority ? *area.left : *area.right);
  replace_child(area.parent, area, area.left != nullptr ? area.left : area.right);
  if (area.previous != nullptr) area.previous->next = area.next;
  area.next->previous = area.previous;
  raise(area.next, gap(*area.next));
  --count_;
}

void VmapAreas::replace_child(VmapArea* parent, VmapArea& old, VmapArea* by) {
  (parent == nullptr ? root_ : parent->left == &old ? parent->left : parent->right) = by;
  if (by != nullptr) by->parent = parent;
}

// `area` and its parent change places.
void VmapAreas::rotate_up(VmapArea& area) {
  VmapArea& parent = *area.parent;
  replace_child(parent.parent, parent, &area);
  const bool was_left = parent.left == &area;
  VmapArea*& outer = was_left ? parent.left : parent.right;
  VmapArea*& inner = was_left ? area.right : area.left;
  outer = inner;
  if (inner != nullptr) inner->parent = &parent;
  inner = &parent;
  parent.parent = &area;
  area.max_gap = parent.max_gap;
  refresh(parent);
}

void VmapAreas::refresh(VmapArea& area) {
  area.max_gap = max_of(gap(area), max_of(max_gap_of(area.left), max_gap_of(area.right)));
}

// The gap before `area` has become as long as `gap`.
void VmapAreas::raise(VmapArea* area, Bytes gap) {
  for (; area != nullptr && area->max_gap < gap; area = area->parent) area->max_gap = gap;
}

const char* VmapAreas::fault_of(const VmapArea& area) const {
  if (gap_start(area) > area.start) return "two areas overlap";
  if (area.end < area.start || area.start < space_.start) return "an area is outside the space";
  if (area.previous != nullptr && area.previous->next != &area) return "neighbours disagree";
  for (const VmapArea* child : {area.left, area.right}) {
    if (child == nullptr) continue;
    if (child->parent != &area) return "a subtree has another parent";
    if (child->priority > area.priority) return "a subtree's priority is above its parent's";
  }
  if (area.left != nullptr && area.left->start >= area.start) return "left is not below";
  if (area.right != nullptr && area.right->start < area.end) return "right is not above";
  const Bytes below = max_of(max_gap_of(area.left), max_gap_of(area.right));
  if (area.max_gap < max_of(gap(area), below)) return "a subtree has a longer gap than it knows";
  const VmapArea* const before = area.previous;
  const bool touches = before != nullptr && before->end == area.start;
  if (touches && area.state == VmapState::kLazy && before->state == VmapState::kLazy)
    return "two lazily freed areas touch";
  return nullptr;
}

const char* VmapAreas::fault() const {
  std::uint64_t seen = 0;
  PageCount lazy;
  for (const VmapArea* area = &tail_; area != nullptr; area = area->previous, ++seen) {
    if (const char* const what = fault_of(*area)) return what;
    const VmapArea* top = area;
    while (top->parent != nullptr) top = top->parent;
    if (top != root_) return "an area is not in the tree";
    if (area->state == VmapState::kLazy) lazy += whole_pages(area->length());
  }
  if (seen != count_ + 1) return "the count of areas is wrong";
  PageCount listed;
  for (const VmapArea* area = lazy_; area != nullptr; area = area->lazy_next) {
    if (area->state != VmapState::kLazy) return "an area in use is listed as lazily freed";
    listed += whole_pages(area->length());
  }
  if (lazy != lazy_pages_ || listed != lazy) return "lazily freed pages are miscounted";
  return nullptr;
}

}  // namespace quire
