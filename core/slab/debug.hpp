// Debugging of caches: what is done to each object of a cache with SlabFlags::kDebug on its way out
// of its slab and back, and what happens when something is wrong.
//
//   found at allocation   report; the slab's free objects are given up, another slab serves
//   found at free         report; the object stays in use for ever
//   damaged red zones, poison and padding are restored, so that each is told once
//
// What finds what: poison, a write to a free object; red zones, a write beside an object; sanity
// checks, an object freed twice or never allocated and a broken list of free objects; user
// tracking says who did it. Marks are looked at only where there are sanity checks.
//
// Locking  take(), may_be_free(), validate(): the slab's node is locked.
// Cost     Some hundred instructions an object; only caches with debug flags come here.
// Source   Documentation/mm/slub.rst; reports of the running kernel.
#pragma once

#include "slab/bug_report.hpp"

namespace quire {

class SlabDebug {
 public:
  explicit SlabDebug(BugReports& reports) : reports_(reports) {}

  // A new slab, before its objects are listed as free: fills it, marks its objects.
  void fill(const SlabObjects& objects, const Page& head) const;

  // The first free object of the slab, which has one, marked as in use. Null: something is wrong
  // with it, and nothing of the slab is free any more.
  [[nodiscard]] void* take(const SlabCase& at);

  // Whether `object`, which somebody gives back, may be free again; then it is marked so.
  [[nodiscard]] bool may_be_free(const SlabCase& at, void* object);

  // Whether an object of the slab is in use: no list of free ones has it.
  [[nodiscard]] static bool is_used(const SlabCase& at, const void* object);
  // Looks at all objects of a slab, free or not.
  void validate(const SlabCase& at);
  // Reports the objects in use of a slab whose cache is to go.
  void list_used(const SlabCase& at);

 private:
  bool check_first_free(const SlabCase& at);
  bool check_given(const SlabCase& at, const void* object);
  bool check_object(const SlabCase& at, const void* object, ObjectState state);
  bool check_marks(const SlabCase& at, const void* object, ObjectState state);
  bool check_link(const SlabCase& at, const void* object, ObjectState state);
  void check_slab_padding(const SlabCase& at);
  bool find_in_list(const SlabCase& at, const void* object);
  bool repair_list(const SlabCase& at, void* last_good);
  void note(const SlabCase& at, TrackKind kind, void* object) const;

  BugReports& reports_;
};

}  // namespace quire
