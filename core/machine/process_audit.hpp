// The audit of processes, and of the pages that they and files have in use.
//
//   VMAs      in order, within the user's addresses, as many pages as the Mm says, of each kind
//   entries   each within a VMA, of a page in use that reverse mapping or the file leads back
//             from; a private one may be written only where the page is its Mm's alone
//   pages     mapcount is the number of entries; there are at least so many references, one more
//             for the file's; rss of each kind, AnonPages and Mapped are what entries show
//   files     each page in a file's tree has that file and that index, dirty and written-back ones
//             their marks; nr_file_pages and nr_shmem are what trees have
//   lists     linked both ways, each page on the one that its flags say; lists, pages with kLru and
//             the nodes' counters agree
//
// Locking  Nobody uses the machine meanwhile. While it runs, mapcounts are what is left of them.
// Errors   kFault: the first thing that is wrong is in the text, a line; the machine is not to go
//          on after it.
// Cost     Every entry of every process three times, every page in use twice; no memory.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/base.hpp"
#include "lru/lru.hpp"
#include "machine/process_floor.hpp"
#include "memmap/memmap.hpp"
#include "mm/mm.hpp"
#include "zone/zone.hpp"

namespace quire {

class ProcessAudit {
 public:
  struct Parts {
    MemoryMap& map;
    Nodes& nodes;
    ProcessFloor& floor;
  };
  ProcessAudit(const Parts& parts, Text& text) : parts_(parts), text_(text) {}

  Result<void> check();

 private:
  static constexpr unsigned kLists = kLinkedLruLists + 1;
  // What the pages of one node are found to be.
  struct Sums {
    std::int64_t anonymous = 0;  // mapped
    std::int64_t mapped = 0;     // of files
    std::int64_t cached = 0;
    std::int64_t shmem = 0;
    std::array<std::int64_t, kLists> listed{};  // with kLru
  };
  struct Mapped {
    Vma& vma;
    VirtAddr at;
    Entry entry;
    Page& page;
  };

  Result<void> check_vmas(const Process& process);
  Result<void> check_entries(Process& process);
  struct Place {
    VirtAddr at;
    PageLevel level;
    Entry entry;
  };
  Result<void> check_place(const Process& process, const Vma* vma, const Place& place);
  Result<void> check_entry(const Mapped& mapped);
  Result<void> check_anonymous(const Mapped& mapped);
  Result<void> check_left(const Page& page);
  Result<void> check_page(const Page& page, Sums& sums);
  Result<void> check_files(const Node& node, Sums& sums);
  Result<void> check_file(const Node& node, Mapping& mapping, Sums& sums);
  Result<void> check_lists(const Node& node, const Sums& sums);
  Result<void> check_listed(const Node& node, const Page& page, LruList list);
  Result<void> check_counters(const Node& node, const Sums& sums);
  [[nodiscard]] bool is_cached(const Page& page) const;

  // Calls visit(Page&) for the first page of each block in use of `node`, until it fails.
  template <class Visit>
  Result<void> for_each_used(const Node& node, Visit visit);
  // Calls visit(VirtAddr, Entry, Page&) for each entry of `mm` that maps a page that is counted.
  template <class Visit>
  void for_each_counted(Mm& mm, Visit visit);
  template <class Visit>
  Result<void> for_each_node(Visit visit);

  Errno broken(const Process& process, std::string_view what, VirtAddr at);
  Errno broken(const Page& page, std::string_view what, std::int64_t value);
  Errno broken(const Node& node, std::string_view what, std::int64_t value);

  const Parts parts_;
  Text& text_;
};

template <class Visit>
Result<void> ProcessAudit::for_each_node(Visit visit) {
  for (const Node& node : parts_.nodes.all())
    if (node.online) QUIRE_TRY(visit(node));
  return {};
}

template <class Visit>
Result<void> ProcessAudit::for_each_used(const Node& node, Visit visit) {
  for (const Zone& zone : node.zones) {
    for (Pfn pfn = zone.span.start; zone.populated() && pfn < zone.span.end;) {
      const Page* const page = parts_.map.page_of(pfn);
      if (page == nullptr) {
        pfn = (pfn + PageCount{1}).align_up(kSectionPages);
        continue;
      }
      const PageWord word = page->word;
      std::uint64_t pages = word.order().pages().raw();
      if (word.is(PageKind::kBuddy)) pages *= page->run_blocks;
      const bool used = word.is(PageKind::kInUse) || word.is(PageKind::kCompound);
      if (used && page->refcount > 0 && word.zone_bits() == zone.page_bits)
        QUIRE_TRY(visit(*page));
      pfn += PageCount{pages};
    }
  }
  return {};
}

}  // namespace quire
