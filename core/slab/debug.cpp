#include "slab/debug.hpp"

#include <cstring>

namespace quire {
namespace {

bool has(const SlabCase& at, SlabFlags flag) { return any(at.objects.layout.flags & flag); }

// Whether a pointer of unknown origin is where an object of the slab begins.
bool is_object(const SlabCase& at, const void* pointer) {
  const SlabLayout& layout = at.objects.layout;
  const std::uintptr_t first =
      reinterpret_cast<std::uintptr_t>(at.objects.object_at(at.head, 0));
  const std::uintptr_t offset = reinterpret_cast<std::uintptr_t>(pointer) - first;
  return offset < std::uint64_t{at.head.slab.objects} * layout.size && offset % layout.size == 0;
}

// Whether the list of free objects reaches `object`.
bool is_listed(const SlabCase& at, const void* object) {
  const void* free = first_free(at.objects, at.head);
  for (std::uint32_t i = 0; i < at.head.slab.objects && is_object(at, free); ++i) {
    if (free == object) return true;
    free = at.objects.link(free);
  }
  return false;
}

}  // namespace

void SlabDebug::fill(const SlabObjects& objects, const Page& head) const {
  const SlabLayout& layout = objects.layout;
  if (any(layout.flags & SlabFlags::kPoison))
    std::memset(objects.start(head), std::to_integer<int>(kPoisonInUse),
                size_of(head.word.order().pages()).raw());
  for (std::uint32_t i = 0; i < head.slab.objects; ++i) {
    const ObjectMarks marks(layout, objects.object_at(head, i));
    marks.mark(ObjectState::kFree);
    if (any(layout.flags & SlabFlags::kStoreUser)) marks.forget_tracks();
  }
}

void* SlabDebug::take(const SlabCase& at) {
  if (has(at, SlabFlags::kConsistencyChecks) && !check_first_free(at)) {
    reports_.fix(at.cache, "Marking all objects used");
    at.objects.abandon(at.head);
    reports_.finish();
    return nullptr;
  }
  void* const object = at.objects.take(at.head);
  if (object == nullptr) return nullptr;
  if (has(at, SlabFlags::kTrace)) reports_.trace(at, TrackKind::kAlloc, object);
  const ObjectMarks marks(at.objects.layout, object);
  marks.mark(ObjectState::kInUse);
  if (marks.knows_request()) marks.request() = at.requested;
  note(at, TrackKind::kAlloc, object);
  return object;
}

bool SlabDebug::may_be_free(const SlabCase& at, void* object) {
  if (has(at, SlabFlags::kConsistencyChecks) && !check_given(at, object)) {
    Words what;
    what->str("Object at ");
    reports_.address(*what, object);
    what->str(" not freed");
    reports_.fix(at.cache, what.text());
    reports_.finish();
    return false;
  }
  note(at, TrackKind::kFree, object);
  if (has(at, SlabFlags::kTrace)) reports_.trace(at, TrackKind::kFree, object);
  ObjectMarks(at.objects.layout, object).mark(ObjectState::kFree);
  return true;
}

void SlabDebug::note(const SlabCase& at, TrackKind kind, void* object) const {
  if (!has(at, SlabFlags::kStoreUser)) return;
  const CpuContext& cpu = *Arch::current();
  ObjectMarks(at.objects.layout, object).track(kind) = {
      at.caller, cpu.task->pid, index_of(cpu.cpu), reports_.jiffies(), 0};
}

// Reports count it as in use, as it is about to be.
bool SlabDebug::check_first_free(const SlabCase& at) {
  ++at.head.slab.inuse;
  check_slab_padding(at);
  const bool good = check_object(at, first_free(at.objects, at.head), ObjectState::kFree);
  --at.head.slab.inuse;
  return good;
}

bool SlabDebug::check_given(const SlabCase& at, const void* object) {
  check_slab_padding(at);
  if (!is_object(at, object)) {
    Words what;
    what->str("Invalid object pointer ");
    reports_.address(*what, object);
    reports_.slab(at, what.text());
    return false;
  }
  if (find_in_list(at, object)) {
    reports_.object(at, "Object already free", object);
    return false;
  }
  return check_object(at, object, ObjectState::kInUse);
}

bool SlabDebug::check_object(const SlabCase& at, const void* object, ObjectState state) {
  return check_marks(at, object, state) && check_link(at, object, state);
}

// What is told is restored, so that the next look finds the next damage.
bool SlabDebug::check_marks(const SlabCase& at, const void* object, ObjectState state) {
  const ObjectMarks marks(at.objects.layout, const_cast<void*>(object));
  while (const auto found = marks.find_damage(state)) {
    reports_.bytes(at, found->damage, object);
    reports_.fix_restored(at.cache, found->damage);
    found->damage.restore();
    reports_.finish();
    if (!found->harmless) return false;
  }
  return true;
}

// While an object is in use, its link is its owner's unless it lies behind the object.
bool SlabDebug::check_link(const SlabCase& at, const void* object, ObjectState state) {
  if (state == ObjectState::kInUse && !at.objects.layout.link_is_outside()) return true;
  const void* const next = at.objects.link(object);
  if (next == nullptr || is_object(at, next)) return true;
  reports_.object(at, "Freepointer corrupt", object);
  at.objects.set_link(const_cast<void*>(object), nullptr);
  return false;
}

void SlabDebug::check_slab_padding(const SlabCase& at) {
  if (!has(at, SlabFlags::kPoison)) return;
  const std::size_t bytes = size_of(at.head.word.order().pages()).raw();
  const std::size_t length = bytes % at.objects.layout.size;
  const Area rest{"slab padding", at.objects.start(at.head) + (bytes - length), length,
                  kPoisonInUse};
  const Area damage = rest.damaged();
  if (damage.length == 0) return;
  reports_.slab_padding(at, damage, rest);
  reports_.fix_restored(at.cache, damage);
  damage.restore();
  reports_.finish();
}

// Whether the list of free objects reaches `object`; a list that leads astray is cut there, and a
// count that does not agree with it is set right.
bool SlabDebug::find_in_list(const SlabCase& at, const void* object) {
  void* last = nullptr;
  void* free = first_free(at.objects, at.head);
  std::uint32_t listed = 0;
  while (free != nullptr && listed <= at.head.slab.objects) {
    if (free == object) return true;
    if (!is_object(at, free)) {
      if (!repair_list(at, last)) return false;
      break;
    }
    last = free;
    free = at.objects.link(free);
    ++listed;
  }
  const std::uint32_t in_use = at.head.slab.objects - min_of<std::uint32_t>(
                                                          listed, at.head.slab.objects);
  if (at.head.slab.inuse != in_use) {
    Words what;
    what->str("Wrong object count. Counter is ").dec(at.head.slab.inuse)
        .str(" but counted were ").dec(in_use);
    reports_.slab(at, what.text());
    at.head.slab.inuse = static_cast<std::uint16_t>(in_use);
    reports_.fix(at.cache, "Object count adjusted");
    reports_.finish();
  }
  return false;
}

// False: nothing is left of the list.
bool SlabDebug::repair_list(const SlabCase& at, void* last_good) {
  if (last_good != nullptr) {
    reports_.object(at, "Freechain corrupt", last_good);
    at.objects.set_link(last_good, nullptr);
    reports_.finish();
    return true;
  }
  reports_.slab(at, "Freepointer corrupt");
  at.objects.abandon(at.head);
  reports_.fix(at.cache, "Freelist cleared");
  reports_.finish();
  return false;
}

bool SlabDebug::is_used(const SlabCase& at, const void* object) { return !is_listed(at, object); }

void SlabDebug::list_used(const SlabCase& at) {
  reports_.remaining(at);
  for (std::uint32_t i = 0; i < at.head.carved; ++i) {
    const void* const object = at.objects.object_at(at.head, i);
    if (is_used(at, object)) reports_.remaining_object(at, object);
  }
}

void SlabDebug::validate(const SlabCase& at) {
  check_slab_padding(at);
  find_in_list(at, nullptr);
  for (std::uint32_t i = 0; i < at.head.slab.objects; ++i) {
    const void* const object = at.objects.object_at(at.head, i);
    const ObjectState state = is_listed(at, object) ? ObjectState::kFree : ObjectState::kInUse;
    if (!check_object(at, object, state)) return;
  }
}

}  // namespace quire
