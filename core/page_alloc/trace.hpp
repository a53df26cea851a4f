// Tracepoints: what the page allocator does, told as it happens, by Linux's names and fields.
//
// Off       Nobody listens: the shortest paths are as they are without tracepoints, since listening
//           is a reason to leave them (Zone::hooked); slower ones test one pointer.
// Locking   A listener is called where the event happens, with a zone's lock or a CPU's set held:
//           it does not allocate pages, and does not wait.
// Source    /sys/kernel/tracing/events/kmem/*/format of a running 6.1, and what it traced while
//           the recordings of tests/oracle/trace were made.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/base.hpp"
#include "memmap/memmap.hpp"
#include "page_alloc/request.hpp"

namespace quire {

// How a field's value reads: "page=ffffea0000128700 pfn=0x4a1c order=1 gfp_flags=GFP_KERNEL".
enum class TraceKind : std::uint8_t { kPointer, kHex, kSigned, kGfp };

struct TraceField {
  std::string_view name;
  TraceKind kind;
  std::uint64_t value;
};

struct TraceEvent {
  std::string_view system;  // "kmem"
  std::string_view name;    // "mm_page_alloc"
  std::span<const TraceField> fields;
};

class TraceSink {
 public:
  virtual void event(const TraceEvent& event) = 0;

 protected:
  ~TraceSink() = default;
};

// The event as a line of ftrace's `trace` file has it from the event's name on.
void print(Text& text, const TraceEvent& event);
// What stands before it: task, CPU and time. Interrupts and preemption are not told ("....."), as
// nothing here turns them off.
void print_trace_prefix(Text& text, const CpuContext& cpu);

// The kmem events of the page allocator.
class PageTrace {
 public:
  explicit PageTrace(const MemoryMap& map) : map_(map) {}
  void init(ArchProfile arch) { arch_ = arch; }

  // Null: nobody listens any more. PageAllocator::listen() is how it is called.
  void set_sink(TraceSink* sink) { sink_ = sink; }
  [[nodiscard]] bool on() const { return sink_ != nullptr; }

  // A request has been answered; null: it failed.
  void allocated(const Page* page, const AllocRequest& request) const;
  // A block is about to be free.
  void freed(const Page& page, Order order) const;
  // A block has left the zone's lists.
  void taken(PageIndex index, Order order, MigrateType type) const;
  // A block has gone from a CPU's set back to the zone.
  void drained(PageIndex index, Order order, MigrateType type) const;

  // A request's type had no block left and was given one of another type.
  struct Fallback {
    PageIndex index;
    Order order;
    MigrateType type;
    bool whole_pageblock;
  };
  void fell_back(const AllocRequest& request, const Fallback& from) const;

 private:
  template <std::size_t kFields>
  void tell(std::string_view name, const Page* page, const TraceField (&fields)[kFields]) const;

  const MemoryMap& map_;
  ArchProfile arch_{};
  TraceSink* sink_ = nullptr;
};

}  // namespace quire
