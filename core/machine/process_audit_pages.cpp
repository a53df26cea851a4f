// The audit of pages in use: their counts, their files and their lists.
#include "machine/process_audit.hpp"

namespace quire {
namespace {

constexpr std::array kListItems = {NodeItem::kNrInactiveAnon, NodeItem::kNrActiveAnon,
                                   NodeItem::kNrInactiveFile, NodeItem::kNrActiveFile,
                                   NodeItem::kNrUnevictable};

std::int64_t snapshot(const Nodes& nodes, const Node& node, NodeItem item) {
  std::int64_t sum = node.stat[index_of(item)].load(std::memory_order_relaxed);
  for (unsigned cpu = 0; cpu < nodes.cpu_count(); ++cpu) {
    std::byte* const area = nodes.percpu_area(CpuId{static_cast<std::uint16_t>(cpu)});
    sum += percpu_at<PerCpuNode>(area, node.percpu_offset).diffs[index_of(item)].read();
  }
  return sum;
}

}  // namespace

Errno ProcessAudit::broken(const Page& page, std::string_view what, std::int64_t value) {
  text_.str("the page at pfn ").dec(parts_.map.pfn_of(page).raw()).str(" ").str(what).str(" ");
  text_.sdec(value).nl();
  return Errno::kFault;
}
Errno ProcessAudit::broken(const Node& node, std::string_view what, std::int64_t value) {
  text_.str("node ").dec(index_of(node.id)).str(": ").str(what).str(" ").sdec(value).nl();
  return Errno::kFault;
}

// All entries have been taken off.
Result<void> ProcessAudit::check_left(const Page& page) {
  if (page.mapcount == 0) return {};
  return broken(page, "has a mapcount that is not the number of entries, but more by",
                page.mapcount);
}

bool ProcessAudit::is_cached(const Page& page) const {
  return page.mapping != 0 && !is_anonymous(page) && page.word.order() == Order{0};
}

Result<void> ProcessAudit::check_page(const Page& page, Sums& sums) {
  const bool in_lists = page.word.has(PageFlag::kLru);
  if (in_lists) sums.listed.data()[index_of(lru_list_of(page.word))] += 1;
  if (page.mapcount == 0) return {};
  const std::int32_t least = page.mapcount + (is_cached(page) ? 1 : 0);
  if (page.refcount < least) return broken(page, "has fewer references than users, by",
                                           least - page.refcount);
  ++(is_anonymous(page) ? sums.anonymous : sums.mapped);
  return {};
}

Result<void> ProcessAudit::check_files(const Node& node, Sums& sums) {
  bool good = true;
  parts_.floor.cache().for_each_mapping([&](Mapping& mapping) {
    good = good && check_file(node, mapping, sums).has_value();
  });
  if (!good) return Errno::kFault;
  return {};
}

// What of the file lies on `node`.
Result<void> ProcessAudit::check_file(const Node& node, Mapping& mapping, Sums& sums) {
  const PageArray array = parts_.map.array();
  std::uint64_t wanted = 0;
  while (Page* const page = mapping.next(array, wanted)) {
    static_cast<void>(drop_reference(*page));
    const bool known = home_of(*page) == &mapping && offset_of(*page) >= wanted;
    if (!known || page->refcount < 1)
      return broken(*page, "is in the tree of a file that it does not belong to, refcount",
                    page->refcount);
    const std::uint64_t index = offset_of(*page);
    for (const auto& [mark, flag] : {std::pair{CacheMark::kDirty, PageFlag::kDirty},
                                     std::pair{CacheMark::kWriteback, PageFlag::kWriteback}})
      if (!mapping.is_shmem() && mapping.has(index, mark) != page->word.has(flag))
        return broken(*page, "is marked in its file's tree other than its flags say, index",
                      static_cast<std::int64_t>(index));
    wanted = index + 1;
    if (parts_.nodes.zone_of(page->word).node != node.id) continue;
    ++sums.cached;
    if (mapping.is_shmem()) ++sums.shmem;
  }
  return {};
}

Result<void> ProcessAudit::check_lists(const Node& node, const Sums& sums) {
  for (unsigned number = 0; number < kLinkedLruLists; ++number) {
    std::int64_t length = 0;
    std::uint32_t previous = 0;
    bool good = true;
    parts_.floor.lru().for_each(node.id, static_cast<LruList>(number), [&](PageIndex at) {
      const Page& page = parts_.map.at(at);
      good = check_listed(node, page, static_cast<LruList>(number)).has_value();
      if (good && page.prev != previous) {
        good = false;
        static_cast<void>(broken(page, "does not link back on its list, list", number));
      }
      previous = raw(at);
      ++length;
      return good;
    });
    if (!good) return Errno::kFault;
    if (length != sums.listed.data()[number])
      return broken(node, "pages say that they are on another list than the one whose length is",
                    length);
  }
  return {};
}

Result<void> ProcessAudit::check_listed(const Node& node, const Page& page, LruList list) {
  const bool right = page.word.has(PageFlag::kLru) && lru_list_of(page.word) == list &&
                     parts_.nodes.zone_of(page.word).node == node.id;
  if (right && page.refcount > 0) return {};
  return broken(page, "is on a list that its flags do not say, list", index_of(list));
}

Result<void> ProcessAudit::check_counters(const Node& node, const Sums& sums) {
  const auto is = [&](NodeItem item, std::int64_t found) {
    return snapshot(parts_.nodes, node, item) == found;
  };
  if (!is(NodeItem::kNrAnonPages, sums.anonymous))
    return broken(node, "nr_anon_pages is not the number of them:", sums.anonymous);
  if (!is(NodeItem::kNrMapped, sums.mapped))
    return broken(node, "nr_mapped is not the number of them:", sums.mapped);
  if (!is(NodeItem::kNrFilePages, sums.cached))
    return broken(node, "nr_file_pages is not what files have:", sums.cached);
  if (!is(NodeItem::kNrShmem, sums.shmem))
    return broken(node, "nr_shmem is not what files in memory have:", sums.shmem);
  for (unsigned number = 0; number < kLists; ++number)
    if (!is(kListItems[number], sums.listed[number]))
      return broken(node, "the counter of a list is not its length:", sums.listed[number]);
  return {};
}

}  // namespace quire
