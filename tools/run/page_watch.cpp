#include "tools/run/page_watch.hpp"

#include <fmt/format.h>

#include <array>

#include "lru/lru.hpp"

namespace quire::run {
namespace {

constexpr std::size_t kMostChanges = 64;  // that are told; the first and the last of them

constexpr std::uint64_t bit(unsigned number) { return std::uint64_t{1} << number; }
constexpr std::uint64_t kSlab = bit(7), kBuddy = bit(10), kNoPage = bit(20), kZeroPage = bit(24);
constexpr std::uint64_t kTable = bit(26), kReserved = bit(32), kLru = bit(5);

// As Documentation/admin-guide/mm/pagemap.rst has them, and those that the kernel keeps to itself.
struct FlagName {
  unsigned bit;
  const char* name;
};
constexpr FlagName kFlagNames[] = {
    {0, "locked"},       {2, "referenced"},  {3, "uptodate"},       {4, "dirty"},
    {5, "lru"},          {6, "active"},      {7, "slab"},           {8, "writeback"},
    {9, "reclaim"},      {10, "buddy"},      {11, "mmap"},          {12, "anon"},
    {13, "swapcache"},   {14, "swapbacked"}, {15, "compound_head"}, {16, "compound_tail"},
    {18, "unevictable"}, {19, "hwpoison"},   {20, "nopage"},        {24, "zero_page"},
    {26, "pgtable"},     {32, "reserved"},   {33, "mlocked"},       {34, "anon_exclusive"},
    {35, "private"}};

std::string names_of(std::uint64_t flags) {
  std::string names;
  for (const FlagName& flag : kFlagNames)
    if ((flags & bit(flag.bit)) != 0) names += (names.empty() ? "" : ",") + std::string(flag.name);
  return names.empty() ? "none" : names;
}

std::string times_text(std::uint64_t times) {
  return times == 1 ? "once" : fmt::format("{} times", times);
}

}  // namespace

std::uint64_t PageWatch::sample(std::uint64_t now_ns) {
  State state = look();
  if (history_.empty() || history_.back().state != state)
    history_.push_back({now_ns, std::move(state)});
  return now_ns;
}

PageWatch::State PageWatch::look() const {
  const auto word = [this](const char* file) {
    std::uint64_t word = 0;
    static_cast<void>(machine_.proc().read_words(file, frame_.raw(), {&word, 1}));
    return word;
  };
  const std::uint64_t flags = word("proc/kpageflags");
  return {holder(flags), list(flags), flags, word("proc/kpagecount")};
}

std::string PageWatch::holder(std::uint64_t flags) const {
  if ((flags & kNoPage) != 0) return "nothing: there is no RAM";
  if ((flags & kZeroPage) != 0) return "the zero page";
  if ((flags & kBuddy) != 0) return "nothing: free";
  if ((flags & kSlab) != 0) return "slab objects";
  if ((flags & kTable) != 0) return "a page table";
  if ((flags & kReserved) != 0) return "the kernel, since it booted";
  const Page& page = *machine_.map().page_of(frame_);
  if (page.word_racy().kind() != PageKind::kInUse) return "the kernel";
  if (references_to(page) == 0) return "nothing: free, kept by a CPU";
  if (is_anonymous(page)) return "anonymous memory";
  const auto* const mapping = static_cast<const Mapping*>(home_of(page));
  if (mapping == nullptr) return "the kernel";
  if (mapping->is_shmem()) return fmt::format("page {} of shared memory", offset_of(page));
  return fmt::format("page {} of {}", offset_of(page),
                     static_cast<const StoredFile*>(mapping->file())->path());
}

std::string PageWatch::list(std::uint64_t flags) const {
  const MemoryMap& map = machine_.map();
  const Page* const page = map.page_of(frame_);
  if ((flags & kBuddy) != 0)
    return fmt::format("free, {}", name_of(map.pageblock_type(map.index_of(*page))));
  if ((flags & kLru) == 0) return "none";
  static constexpr std::array<const char*, kLinkedLruLists + 1> kNames{
      "inactive anonymous", "active anonymous", "inactive file", "active file", "unevictable"};
  return kNames[index_of(lru_list_of(page->word_racy()))];
}

// Whose tables have it where its place in what it belongs to says, a line each.
std::string PageWatch::users() const {
  const Page* const page = machine_.map().page_of(frame_);
  if (page == nullptr || home_of(*page) == nullptr) return {};
  const std::uint64_t index = offset_of(*page);
  std::string lines;
  for (const auto& live : engine_.processes()) {
    if (live->process == nullptr) continue;
    const Mm& mm = *live->process->mm;
    for (const Vma* vma = mm.vmas.first(); vma != nullptr; vma = vma->next) {
      const std::uint64_t first = vma->index_of(vma->start());
      if (index < first || index - first >= vma->range.length().raw() >> kPageShift) continue;
      const VirtAddr at = vma->start() + size_of(PageCount{index - first});
      const auto there = mm.tables.walk(at);
      if (!there.has_value() || there->frame != frame_) continue;
      lines += fmt::format("  process {} ({}) at {:#x}, {}\n", live->pid, live->name, at.raw(),
                           any(there->prot & Prot::kWrite) ? "to write" : "to read");
    }
  }
  return lines;
}

std::string PageWatch::text() const {
  const State now = look();
  std::string out = fmt::format("page {:#x} at {:#x} after {} ns, {} faults\n", frame_.raw(),
                                frame_.raw() << kPageShift, engine_.now_ns(),
                                engine_.fault_count());
  if (const Page* const page = machine_.map().page_of(frame_)) {
    const auto& zone = machine_.nodes().zone_of(page->word_racy());
    out += fmt::format("node:   {}\nzone:   {}\n", index_of(zone.node), name_of(zone.type));
  }
  out += fmt::format("holds:  {}\nlist:   {}\nflags:  {}\nmapped: {}\n", now.holds, now.list,
                     names_of(now.flags), now.mappings == 0 ? "no" : times_text(now.mappings));
  out += users();
  out += "history:\n";
  for (std::size_t i = 0; i < history_.size(); ++i) {
    if (i == kMostChanges / 2 && history_.size() > kMostChanges) {
      out += fmt::format("  ... {} more\n", history_.size() - kMostChanges);
      i = history_.size() - kMostChanges / 2;
    }
    const Change& change = history_[i];
    out += fmt::format("  {:>14} ns  {}; list: {}; {}\n", change.time_ns, change.state.holds,
                       change.state.list, names_of(change.state.flags));
  }
  return out;
}

}  // namespace quire::run
