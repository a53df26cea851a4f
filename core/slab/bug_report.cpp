#include "slab/bug_report.hpp"

namespace quire {
namespace {

constexpr std::string_view kDoubleRule =
    "=============================================================================";
constexpr std::string_view kRule =
    "-----------------------------------------------------------------------------";

constexpr std::uint64_t kJiffyNs = 4'000'000;  // HZ is 250

// Where the kernel sees RAM, and its array of struct page.
struct KernelMaps {
  std::uint64_t direct;
  std::uint64_t pages;
};
KernelMaps kernel_maps(ArchProfile arch) {
  switch (arch) {
    case ArchProfile::kX86_64: return {0xffff888000000000, 0xffffea0000000000};
    case ArchProfile::kX86_64La57: return {0xff11000000000000, 0xffd4000000000000};
    case ArchProfile::kX86_32: break;
  }
  return {0xc0000000, 0};
}

// Bits of struct page's flags of which the kernel's build decides the place.
constexpr unsigned kZoneShift = 51;
constexpr unsigned kNodeShift = 54;
constexpr std::uint64_t kNoCpuPid = std::uint64_t{0x1fffff} << 30;
constexpr std::uint64_t kSlabBit = 0x200;
constexpr std::uint64_t kHeadBit = 0x10000;

bool printable(std::byte byte) {
  const auto c = std::to_integer<unsigned char>(byte);
  return c >= 0x20 && c < 0x7f;
}

}  // namespace

std::uint64_t BugReports::jiffies() const { return host_.now_ns() / kJiffyNs; }

void BugReports::address(Text& out, const void* pointer) const {
  const PageIndex index = map_.frames().index_at(pointer);
  std::uint64_t value = reinterpret_cast<std::uintptr_t>(pointer);
  if (index != PageIndex::kNone && map_.contains(index))
    value = kernel_maps(nodes_.arch()).direct + address_of(map_.pfn_of(index)).raw() +
            (value & (kPageSize.raw() - 1));
  out.str("0x").hex(value, Width{16});
}

void BugReports::code(Text& out, const void* address) const {
  Words name;
  if (address != nullptr && host_.name_code(address, name.sink()))
    out.str(name.text());
  else
    out.str("0x").hex(reinterpret_cast<std::uintptr_t>(address), Width{16});
}

void BugReports::taint(Text& out) const {
  if (!bad_page_ && !warned_) {
    out.str("Not tainted");
    return;
  }
  out.str("Tainted: G    ").ch(bad_page_ ? 'B' : ' ').str("   ").ch(warned_ ? 'W' : ' ');
  out.str("         ");
}

void BugReports::header(std::string_view cache, std::string_view what) {
  ++count_;
  host_.log(kDoubleRule);
  {
    LogLine line(host_);
    line->str("BUG ").str(cache).str(" (");
    taint(*line);
    line->str("): ").str(what);
  }
  host_.log(kRule);
  host_.log("");
}

void BugReports::track(const Track& track, std::string_view what) {
  if (track.caller == nullptr) return;
  LogLine line(host_);
  line->str(what).str(" in ");
  code(*line, track.caller);
  line->str(" age=").dec(jiffies() - track.jiffies).str(" cpu=").dec(track.cpu)
      .str(" pid=").dec(track.pid);
}

void BugReports::tracks(const SlabLayout& layout, const void* object) {
  if (!any(layout.flags & SlabFlags::kStoreUser)) return;
  const ObjectMarks marks(layout, const_cast<void*>(object));
  track(marks.track(TrackKind::kAlloc), "Allocated");
  track(marks.track(TrackKind::kFree), "Freed");
}

void BugReports::slab_line(const SlabCase& at) {
  const Zone& zone = nodes_.zone_of(at.head.word);
  const bool compound = at.head.word.order() != Order{0};
  LogLine line(host_);
  line->str("Slab 0x")
      .hex(kernel_maps(nodes_.arch()).pages + map_.pfn_of(at.head).raw() * 64, Width{16})
      .str(" objects=").dec(at.head.slab.objects).str(" used=").dec(at.head.slab.inuse)
      .str(" fp=");
  address(*line, first_free(at.objects, at.head));
  const auto zone_number = static_cast<std::uint64_t>(zone.type);
  line->str(" flags=0x")
      .hex(kSlabBit | (compound ? kHeadBit : 0) | kNoCpuPid | zone_number << kZoneShift |
           std::uint64_t{index_of(zone.node)} << kNodeShift)
      .str(compound ? "(slab|head|node=" : "(slab|node=").dec(index_of(zone.node))
      .str("|zone=").dec(zone_number).str("|lastcpupid=0x1fffff)");
}

void BugReports::object_line(const SlabCase& at, const void* object, bool with_link) {
  LogLine line(host_);
  line->str("Object ");
  address(*line, object);
  line->str(" @offset=")
      .dec(static_cast<std::uint64_t>(static_cast<const std::byte*>(object) -
                                      at.objects.start(at.head)));
  if (!with_link) return;
  line->str(" fp=");
  address(*line, at.objects.link(object));
}

// Sixteen bytes a line, in hexadecimal and as text.
void BugReports::dump(std::string_view label, const Area& area) {
  constexpr std::size_t kPerLine = 16;
  constexpr unsigned kTextColumn = kPerLine * 3 + 1;
  for (std::size_t at = 0; at < area.length; at += kPerLine) {
    const std::size_t count = min_of(kPerLine, area.length - at);
    LogLine line(host_);
    line->str(label);
    Words place;
    address(*place, area.start + at);
    std::string_view digits = place.text();
    digits.remove_prefix(2);
    line->str(digits).str(": ");
    for (std::size_t i = 0; i < count; ++i)
      line->hex(std::to_integer<std::uint64_t>(area.start[at + i]), Width{2}).ch(' ');
    line->str("", Width{static_cast<unsigned>(kTextColumn - count * 3)});
    for (std::size_t i = 0; i < count; ++i)
      line->ch(printable(area.start[at + i])
                   ? static_cast<char>(std::to_integer<unsigned char>(area.start[at + i]))
                   : '.');
  }
}

void BugReports::object_bytes(const SlabCase& at, const void* object) {
  constexpr std::size_t kBefore = 16;
  const SlabLayout& layout = at.objects.layout;
  auto* const bytes = static_cast<std::byte*>(const_cast<void*>(object));
  const ObjectMarks marks(layout, bytes);
  const bool red = any(layout.flags & SlabFlags::kRedZone);
  if (red)
    dump("Redzone  ", marks.left_red_zone(ObjectState::kFree));
  else if (bytes > at.objects.start(at.head) + kBefore)
    dump("Bytes b4 ", {{}, bytes - kBefore, kBefore, {}});
  const std::size_t shown = min_of<std::size_t>(layout.object_size, kPageSize.raw());
  dump("Object   ", {{}, bytes, shown, {}});
  if (red) dump("Redzone  ", marks.right_red_zone(ObjectState::kFree));
  dump("Padding  ", marks.padding());
}

void BugReports::call_trace(const void* caller) {
  const CpuContext& cpu = *Arch::current();
  {
    LogLine line(host_);
    line->str("CPU: ").dec(index_of(cpu.cpu)).str(" PID: ").dec(cpu.task->pid).ch(' ');
    taint(*line);
  }
  host_.log("Call Trace:");
  host_.log(" <TASK>");
  {
    LogLine line(host_);
    line->str("  ");
    code(*line, caller);
  }
  host_.log(" </TASK>");
}

// All there is to tell of an object: who used it, where it lies, what is in it, who looked at it.
void BugReports::about(const SlabCase& at, const void* object) {
  tracks(at.objects.layout, object);
  slab_line(at);
  object_line(at, object, true);
  host_.log("");
  object_bytes(at, object);
  call_trace(at.caller);
  bad_page_ = true;
}

void BugReports::slab(const SlabCase& at, std::string_view what) {
  header(at.cache, what);
  slab_line(at);
  call_trace(at.caller);
  bad_page_ = true;
}

void BugReports::object(const SlabCase& at, std::string_view what, const void* object) {
  header(at.cache, what);
  about(at, object);
}

void BugReports::bytes(const SlabCase& at, const Area& damage, const void* object) {
  Words what;
  what->str(damage.name).str(" overwritten");
  header(at.cache, what.text());
  {
    LogLine line(host_);
    address(*line, damage.start);
    line->ch('-');
    address(*line, damage.end() - 1);
    line->str(" @offset=")
        .dec(static_cast<std::uint64_t>(damage.start - at.objects.start(at.head)))
        .str(". First byte 0x").hex(std::to_integer<std::uint64_t>(*damage.start))
        .str(" instead of 0x").hex(std::to_integer<std::uint64_t>(damage.expected));
  }
  about(at, object);
}

void BugReports::slab_padding(const SlabCase& at, const Area& damage, const Area& rest) {
  Words what;
  what->str("Padding overwritten. ");
  address(*what, damage.start);
  what->ch('-');
  address(*what, damage.end() - 1);
  what->str(" @offset=")
      .dec(static_cast<std::uint64_t>(damage.start - at.objects.start(at.head)));
  slab(at, what.text());
  dump("Padding ", rest);
}

void BugReports::remaining(const SlabCase& at) {
  Words what;
  what->str("Objects remaining in ").str(at.cache).str(" on __kmem_cache_shutdown()");
  slab(at, what.text());
}

void BugReports::remaining_object(const SlabCase& at, const void* object) {
  object_line(at, object, false);
  tracks(at.objects.layout, object);
}

void BugReports::fix(std::string_view cache, std::string_view what) {
  LogLine(host_)->str("FIX ").str(cache).str(": ").str(what);
}

void BugReports::fix_restored(std::string_view cache, const Area& damage) {
  LogLine line(host_);
  line->str("FIX ").str(cache).str(": Restoring ").str(damage.name).ch(' ');
  address(*line, damage.start);
  line->ch('-');
  address(*line, damage.end() - 1);
  line->str("=0x").hex(std::to_integer<std::uint64_t>(damage.expected));
}

void BugReports::trace(const SlabCase& at, TrackKind what, const void* object) {
  const bool taken = what == TrackKind::kAlloc;
  {
    LogLine line(host_);
    line->str("TRACE ").str(at.cache).str(taken ? " alloc " : " free ");
    address(*line, object);
    line->str(" inuse=").dec(at.head.slab.inuse).str(" fp=");
    address(*line, first_free(at.objects, at.head));
  }
  if (!taken) {
    auto* const bytes = static_cast<std::byte*>(const_cast<void*>(object));
    dump("Object ", {{}, bytes, at.objects.layout.object_size, {}});
  }
  call_trace(at.caller);
}

void BugReports::warn(std::string_view what, const void* caller) {
  ++count_;
  host_.log("------------[ cut here ]------------");
  host_.log(what);
  {
    LogLine line(host_);
    line->str("WARNING: CPU: ").dec(index_of(Arch::current()->cpu)).str(" PID: ")
        .dec(Arch::current()->task->pid).str(" at ");
    code(*line, caller);
  }
  warned_ = true;
  call_trace(caller);
  host_.log("---[ end trace 0000000000000000 ]---");
}

void BugReports::finish() {
  if (panic_on_warn_) QUIRE_PANIC("panic_on_warn set ...");
}

}  // namespace quire
