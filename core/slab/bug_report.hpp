// The text of the reports about objects and slabs that are not as they must be, line for line as
// Linux 6.1 prints them:
//
//   BUG kmalloc-64 (Not tainted): Right Redzone overwritten
//   0x..-0x.. @offset=1644. First byte 0x77 instead of 0xcc
//   Allocated in .. age=0 cpu=0 pid=90
//   Freed in ..
//   Slab 0x.. objects=21 used=3 fp=0x.. flags=0x..(slab|node=0|zone=1|lastcpupid=0x1fffff)
//   Object 0x.. @offset=1544 fp=0x..
//   (the bytes), Call Trace:
//   FIX kmalloc-64: Restoring Right Redzone 0x..-0x..=0xcc
//
// Addresses are those of the direct map, where the machine's kernel would see the object; code is
// named by the host where it can (Host::name_code).
//
// Locking  May come with spinlocks held. The slab's books are the caller's to look at.
// Errors   With panic_on_warn the machine stops where a report ends.
#pragma once

#include <string_view>

#include "base/base.hpp"
#include "host/host.hpp"
#include "memmap/memmap.hpp"
#include "slab/marks.hpp"
#include "slab/slab_objects.hpp"
#include "zone/zone.hpp"

namespace quire {

// One slab, and who had it looked at.
struct SlabCase {
  const SlabObjects& objects;
  std::string_view cache;
  Page& head;
  const void* caller;
  std::uint32_t requested = 0;  // bytes that kmalloc was asked for
};

// Null: all are in use.
inline void* first_free(const SlabObjects& objects, const Page& head) {
  if (head.slab.free != Page::kNoObject) return objects.start(head) + head.slab.free;
  return head.carved < head.slab.objects ? objects.object_at(head, head.carved) : nullptr;
}

// A reason put together piece by piece.
class Words {
 public:
  Words() : text_(sink_) {}
  Text* operator->() { return &text_; }
  Text& operator*() { return text_; }
  [[nodiscard]] TextSink& sink() { return sink_; }
  [[nodiscard]] std::string_view text() {
    text_.flush();
    return sink_.text();
  }

 private:
  char storage_[160];
  BufferSink sink_{storage_, sizeof storage_};
  Text text_;
};

class BugReports {
 public:
  BugReports(Host& host, const MemoryMap& map, const Nodes& nodes)
      : host_(host), map_(map), nodes_(nodes) {}
  void init(bool panic_on_warn) { panic_on_warn_ = panic_on_warn; }

  // "BUG cache: what" about the whole slab, about an object, about some of its bytes.
  void slab(const SlabCase& at, std::string_view what);
  void object(const SlabCase& at, std::string_view what, const void* object);
  void bytes(const SlabCase& at, const Area& damage, const void* object);
  // "Padding overwritten." behind the last object; `rest` is all that lies there.
  void slab_padding(const SlabCase& at, const Area& damage, const Area& rest);
  // Objects that are in use while their cache is destroyed: one call for each slab, then each.
  void remaining(const SlabCase& at);
  void remaining_object(const SlabCase& at, const void* object);
  // "FIX cache: what".
  void fix(std::string_view cache, std::string_view what);
  void fix_restored(std::string_view cache, const Area& damage);
  // "TRACE cache alloc": kTrace.
  void trace(const SlabCase& at, TrackKind what, const void* object);
  // A WARN: `what` between its marks. Followed by who used the object, if that is known.
  void warn(std::string_view what, const void* caller);
  void tracks(const SlabLayout& layout, const void* object);

  // Ends a report: with panic_on_warn, the machine.
  void finish();

  void address(Text& out, const void* pointer) const;
  void code(Text& out, const void* address) const;
  [[nodiscard]] std::uint64_t jiffies() const;
  // Reports so far.
  [[nodiscard]] std::uint64_t count() const { return count_; }

 private:
  void header(std::string_view cache, std::string_view what);
  void track(const Track& track, std::string_view what);
  void slab_line(const SlabCase& at);
  void object_line(const SlabCase& at, const void* object, bool with_link);
  void about(const SlabCase& at, const void* object);
  void object_bytes(const SlabCase& at, const void* object);
  void dump(std::string_view label, const Area& area);
  void call_trace(const void* caller);
  void taint(Text& out) const;

  Host& host_;
  const MemoryMap& map_;
  const Nodes& nodes_;
  bool panic_on_warn_ = false;
  bool bad_page_ = false;  // taints
  bool warned_ = false;
  std::uint64_t count_ = 0;
};

}  // namespace quire
