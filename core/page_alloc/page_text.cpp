#include "page_alloc/page_text.hpp"

#include <string_view>

namespace quire {
namespace {

struct FlagName {
  unsigned bit;     // Linux's
  PageFlag flag;
  std::string_view name;
};

// In the order in which Linux names them.
constexpr FlagName kFlags[] = {
    {0, PageFlag::kLocked, "locked"},
    {1, PageFlag::kReferenced, "referenced"},
    {2, PageFlag::kUptodate, "uptodate"},
    {3, PageFlag::kDirty, "dirty"},
    {4, PageFlag::kLru, "lru"},
    {5, PageFlag::kActive, "active"},
    {6, PageFlag::kWorkingset, "workingset"},
    {10, PageFlag::kSwapCache, "owner_priv_1"},
    {13, PageFlag::kPrivate, "private"},
    {15, PageFlag::kWriteback, "writeback"},
    {17, PageFlag::kAnonExclusive, "mappedtodisk"},
    {18, PageFlag::kReclaim, "reclaim"},
    {19, PageFlag::kSwapBacked, "swapbacked"},
    {20, PageFlag::kUnevictable, "unevictable"},
    {21, PageFlag::kMlocked, "mlocked"},
    {23, PageFlag::kHwpoison, "hwpoison"},
};
// What the page is comes between: Linux has flags for it.
struct KindName {
  unsigned bit;
  PageKind kind;
  std::string_view name;
};
constexpr KindName kKinds[] = {
    {9, PageKind::kSlab, "slab"},
    {12, PageKind::kReserved, "reserved"},
    {16, PageKind::kCompound, "head"},
};

constexpr unsigned kLastCpuPidShift = 30;
constexpr std::uint64_t kNoLastCpuPid = 0x1fffff;  // nobody has hinted a fault on the page
constexpr unsigned kZoneShift = 51;
constexpr unsigned kNodeShift = 54;

// A zone's number among those that the kernel is built with.
std::uint64_t number_of(ZoneType type, ArchProfile arch) {
  std::uint64_t number = 0;
  for (const ZoneType other : zones_of(arch)) number += index_of(other) < index_of(type);
  return number;
}

// Visits (bit, name) of what is set in `word`, in ascending order of bits.
template <class Visit>
void for_each_set(PageWord word, Visit visit) {
  const KindName* kind = kKinds;
  const auto visit_kinds = [&](unsigned below) {
    for (; kind != std::end(kKinds) && kind->bit < below; ++kind)
      if (word.kind() == kind->kind) visit(kind->bit, kind->name);
  };
  for (const FlagName& flag : kFlags) {
    visit_kinds(flag.bit);
    if (word.has(flag.flag)) visit(flag.bit, flag.name);
  }
}

}  // namespace

std::uint64_t structure_address(Pfn pfn, ArchProfile arch) {
  constexpr std::uint64_t kVmemmap = 0xffffea0000000000;
  constexpr std::uint64_t kVmemmapOf5Levels = 0xffd4000000000000;
  constexpr std::uint64_t kStructureSize = 64;
  const std::uint64_t base = arch == ArchProfile::kX86_64La57 ? kVmemmapOf5Levels : kVmemmap;
  return base + pfn.raw() * kStructureSize;
}

void print_flags(Text& text, PageWord word, ArchProfile arch) {
  const std::uint64_t node = word.zone() / kZoneTypes;
  const std::uint64_t zone = number_of(static_cast<ZoneType>(word.zone() % kZoneTypes), arch);
  std::uint64_t bits =
      node << kNodeShift | zone << kZoneShift | kNoLastCpuPid << kLastCpuPidShift;
  for_each_set(word, [&](unsigned bit, std::string_view) { bits |= std::uint64_t{1} << bit; });
  text.str("0x").hex(bits).ch('(');
  for_each_set(word, [&](unsigned, std::string_view name) { text.str(name).ch('|'); });
  text.str("node=").dec(node).str("|zone=").dec(zone).str("|lastcpupid=0x").hex(kNoLastCpuPid);
  text.ch(')');
}

}  // namespace quire
