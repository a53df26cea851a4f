#include "rmap/page_mappings.hpp"

namespace quire {
namespace {

void count_mapped(const Page& page, const Mm& mm, std::int64_t change) {
  Node& node = mm.parts.nodes.node(mm.parts.nodes.zone_of(page.word_racy()).node);
  const NodeItem item = is_anonymous(page) ? NodeItem::kNrAnonPages : NodeItem::kNrMapped;
  mod_node_state(Arch::current()->percpu, node, item, change);
}

void set_anon_home(Page& page, const AnonVma& anon_vma, std::uint64_t offset) {
  const auto home = reinterpret_cast<std::uintptr_t>(&anon_vma) | kAnonHome;
  set_home(page, reinterpret_cast<const void*>(home), offset);
}

Rss kind_of(const Page& page) {
  if (is_anonymous(page)) return Rss::kAnon;
  return page.word_racy().has(PageFlag::kSwapBacked) ? Rss::kShmem : Rss::kFile;
}

}  // namespace

void add_new_anonymous(Page& page, Vma& vma, VirtAddr at) {
  PageWord word = page.word;
  word.set(PageFlag::kSwapBacked);
  word.set(PageFlag::kUptodate);
  word.set(PageFlag::kAnonExclusive);
  page.set_word(word);
  set_anon_home(page, *vma.anon_vma, vma.index_of(at));
  page.mapcount = 1;
  count_mapped(page, *vma.mm, 1);
  vma.mm->count_rss(Rss::kAnon, 1);
}

void move_to(Page& page, const Vma& vma) {
  set_anon_home(page, *vma.anon_vma, offset_of(page));
}

void share_mapping(Page& page) {
  __atomic_fetch_add(&page.references, (std::uint64_t{1} << 32) + 1, __ATOMIC_RELAXED);
}

void add_file_mapping(Page& page, Vma& vma) {
  if (__atomic_fetch_add(&page.mapcount, 1, __ATOMIC_RELAXED) == 0) count_mapped(page, *vma.mm, 1);
  vma.mm->count_rss(kind_of(page), 1);
}

void remove_mapping(Page& page, Vma& vma) {
  if (__atomic_fetch_sub(&page.mapcount, 1, __ATOMIC_RELAXED) == 1) count_mapped(page, *vma.mm, -1);
  vma.mm->count_rss(kind_of(page), -1);
}

}  // namespace quire
