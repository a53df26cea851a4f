#include "rmap/page_mappings.hpp"

namespace quire {
namespace {

Node& node_of(const Mm& mm, PageWord word) {
  return mm.parts.nodes.node(mm.parts.nodes.zone_of(word).node);
}

inline void count_in_node(const Mm& mm, PageWord word, NodeItem item, std::int64_t change) {
  mod_node_state(Arch::current()->percpu, node_of(mm, word), item, change);
}

void count_mapped(const Page& page, const Mm& mm, std::int64_t change) {
  const NodeItem item = is_anonymous(page) ? NodeItem::kNrAnonPages : NodeItem::kNrMapped;
  count_in_node(mm, page.word_racy(), item, change);
}

void set_anon_home(Page& page, const AnonVma& anon_vma, std::uint64_t offset) {
  const auto home = reinterpret_cast<std::uintptr_t>(&anon_vma) | kAnonHome;
  set_home(page, reinterpret_cast<const void*>(home), offset);
}

// All of it but what the Mm counts.
inline void begin_anonymous(Page& page, const Vma& vma, VirtAddr at) {
  PageWord word = page.word;
  word.set(PageFlag::kSwapBacked);
  word.set(PageFlag::kUptodate);
  word.set(PageFlag::kAnonExclusive);
  page.set_word(word);
  set_anon_home(page, *vma.anon_vma, vma.index_of(at));
  page.mapcount = 1;
  count_in_node(*vma.mm, word, NodeItem::kNrAnonPages, 1);
}

}  // namespace

void add_new_anonymous(Page& page, Vma& vma, VirtAddr at) {
  begin_anonymous(page, vma, at);
  vma.mm->count_rss(Rss::kAnon, 1);
}

void replace_by_anonymous(Page& copy, Page& old, Vma& vma, VirtAddr at) {
  begin_anonymous(copy, vma, at);
  Mm& mm = *vma.mm;
  if (__atomic_fetch_sub(&old.mapcount, 1, __ATOMIC_RELAXED) == 1) count_mapped(old, mm, -1);
  const Rss kind = rss_kind_of(old);
  if (kind == Rss::kAnon) return;
  mm.count_rss(kind, -1);
  mm.count_rss(Rss::kAnon, 1);
}

void move_to(Page& page, const Vma& vma) {
  set_anon_home(page, *vma.anon_vma, offset_of(page));
}

void add_file_mapping(Page& page, Vma& vma) {
  if (__atomic_fetch_add(&page.mapcount, 1, __ATOMIC_RELAXED) == 0) count_mapped(page, *vma.mm, 1);
  vma.mm->count_rss(rss_kind_of(page), 1);
}

void remove_mapping(Page& page, Vma& vma) {
  if (__atomic_fetch_sub(&page.mapcount, 1, __ATOMIC_RELAXED) == 1) count_mapped(page, *vma.mm, -1);
  vma.mm->count_rss(rss_kind_of(page), -1);
}

MappingCounts::~MappingCounts() {
  count_gone(gone_from_);
  for (unsigned kind = 0; kind < kRssKinds; ++kind)
    if (resident_.data()[kind] != 0) mm_.count_rss(static_cast<Rss>(kind), resident_.data()[kind]);
}

// What follows is of the zone that `next` names.
void MappingCounts::count_gone(PageWord next) {
  constexpr std::array<NodeItem, 2> kItems{NodeItem::kNrAnonPages, NodeItem::kNrMapped};
  for (unsigned i = 0; i < kItems.size(); ++i)
    if (gone_.data()[i] != 0)
      mod_node_state(Arch::current()->percpu, node_of(mm_, gone_from_), kItems.data()[i],
                     -gone_.data()[i]);
  gone_ = {};
  gone_from_ = next;
}

}  // namespace quire
