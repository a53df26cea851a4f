#include "slab/marks.hpp"

#include <cstring>

namespace quire {
namespace {

std::byte red(ObjectState state) {
  return state == ObjectState::kFree ? kRedInactive : kRedActive;
}

}  // namespace

Area Area::damaged() const {
  std::byte* first = start;
  while (first != end() && *first == expected) ++first;
  std::byte* last = end();
  while (last != first && last[-1] == expected) --last;
  return {name, first, static_cast<std::size_t>(last - first), expected};
}

void Area::restore() const { std::memset(start, std::to_integer<int>(expected), length); }

Area ObjectMarks::left_red_zone(ObjectState state) const {
  return {"Left Redzone", object_ - layout_.red_left_pad, layout_.red_left_pad, red(state)};
}

Area ObjectMarks::right_red_zone(ObjectState state) const {
  return {"Right Redzone", object_ + layout_.object_size, layout_.inuse - layout_.object_size,
          red(state)};
}

Area ObjectMarks::body() const {
  return {"Poison", object_, layout_.object_size - 1, kPoisonFree};
}

Area ObjectMarks::last_byte() const {
  return {"End Poison", object_ + layout_.object_size - 1, 1, kPoisonEnd};
}

bool ObjectMarks::knows_request() const {
  return has(SlabFlags::kStoreUser) && has(SlabFlags::kKmalloc);
}

Area ObjectMarks::padding() const {
  std::uint32_t used = layout_.info_end();
  if (has(SlabFlags::kStoreUser)) used += 2 * kTrackBytes;
  if (knows_request()) used += sizeof(std::uint32_t);
  return {"Object padding", object_ + used, layout_.size - layout_.red_left_pad - used,
          kPoisonInUse};
}

void ObjectMarks::mark(ObjectState state) const {
  if (has(SlabFlags::kRedZone)) {
    left_red_zone(state).restore();
    right_red_zone(state).restore();
  }
  if (layout_.poison_object) {
    body().restore();
    last_byte().restore();
  }
}

void ObjectMarks::forget_tracks() const {
  std::memset(&track(TrackKind::kAlloc), 0, 2 * kTrackBytes);
}

std::optional<ObjectMarks::Finding> ObjectMarks::find_damage(ObjectState state) const {
  if (has(SlabFlags::kRedZone)) {
    for (const Area& area : {left_red_zone(state), right_red_zone(state)})
      if (!area.intact()) return Finding{area.damaged(), false};
  } else if (has(SlabFlags::kPoison)) {
    Area room = right_red_zone(state);
    room.name = "Alignment padding";
    room.expected = kPoisonInUse;
    if (!room.intact()) return Finding{room.damaged(), true};
  }
  if (!has(SlabFlags::kPoison)) return std::nullopt;
  if (state == ObjectState::kFree && layout_.poison_object)
    for (const Area& area : {body(), last_byte()})
      if (!area.intact()) return Finding{area.damaged(), false};
  if (!padding().intact()) return Finding{padding().damaged(), true};
  return std::nullopt;
}

}  // namespace quire
