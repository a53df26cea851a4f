#include "procfs/figures.hpp"

namespace quire {
namespace {

constexpr unsigned kNameColumns = 16;  // colon and blanks included

}  // namespace

std::uint64_t Counters::count(ZoneItem item) const {
  std::int64_t sum = 0;
  for_each_zone([&](const Zone& zone) {
    sum += zone.stat[index_of(item)].load(std::memory_order_relaxed);
  });
  return sum < 0 ? 0 : static_cast<std::uint64_t>(sum);
}

std::uint64_t Counters::managed() const {
  std::uint64_t sum = 0;
  for_each_zone([&](const Zone& zone) { sum += zone.managed_pages(); });
  return sum;
}

std::uint64_t Counters::high_managed() const {
  std::uint64_t sum = 0;
  for_each_zone([&](const Zone& zone) {
    if (zone.type == ZoneType::kHighMem) sum += zone.managed_pages();
  });
  return sum;
}

std::uint64_t Counters::high_free() const {
  std::uint64_t sum = 0;
  for_each_zone([&](const Zone& zone) {
    if (zone.type == ZoneType::kHighMem) sum += zone_state(zone, ZoneItem::kNrFreePages);
  });
  return sum;
}

void MeminfoRows::name_row(std::string_view name, unsigned columns) {
  if (node_ != nullptr) out_.str("Node ").dec(index_of(node_->id)).ch(' ');
  const auto used = static_cast<unsigned>(name.size());
  out_.str(name).ch(':').str("", {columns > used + 1 ? columns - used - 1 : 0});
}

void MeminfoRows::kib(std::string_view name, std::uint64_t kbytes) {
  name_row(name, kNameColumns);
  out_.dec(kbytes, {8}).str(" kB").nl();
}

void MeminfoRows::file_huge(std::string_view name, std::uint64_t kbytes) {
  name_row(name, node_ == nullptr ? kNameColumns : kNameColumns - 1);
  out_.dec(kbytes, {8}).str(" kB").nl();
}

void MeminfoRows::huge(std::string_view name, std::uint64_t count) {
  name_row(name, node_ == nullptr ? kNameColumns + 3 : kNameColumns + 1);
  out_.dec(count, {5}).nl();
}

void show_lru_rows(MeminfoRows& rows, const Counters& counters) {
  const auto both = [&](NodeItem anon, NodeItem file) {
    return counters.kib(anon) + counters.kib(file);
  };
  rows.kib("Active", both(NodeItem::kNrActiveAnon, NodeItem::kNrActiveFile));
  rows.kib("Inactive", both(NodeItem::kNrInactiveAnon, NodeItem::kNrInactiveFile));
  rows.kib("Active(anon)", counters.kib(NodeItem::kNrActiveAnon));
  rows.kib("Inactive(anon)", counters.kib(NodeItem::kNrInactiveAnon));
  rows.kib("Active(file)", counters.kib(NodeItem::kNrActiveFile));
  rows.kib("Inactive(file)", counters.kib(NodeItem::kNrInactiveFile));
  rows.kib("Unevictable", counters.kib(NodeItem::kNrUnevictable));
  rows.kib("Mlocked", counters.kib(ZoneItem::kNrMlock));
}

void show_high_memory_rows(MeminfoRows& rows, const Counters& counters, ArchProfile arch) {
  if (arch != ArchProfile::kX86_32) return;
  const std::uint64_t total = counters.high_managed();
  const std::uint64_t free = counters.high_free();
  rows.pages("HighTotal", total);
  rows.pages("HighFree", free);
  rows.pages("LowTotal", counters.managed() - total);
  rows.pages("LowFree", counters.count(ZoneItem::kNrFreePages) - free);
}

void show_huge_page_rows(MeminfoRows& rows, const Counters& counters) {
  rows.kib("AnonHugePages", counters.kib(NodeItem::kNrAnonTransparentHugepages));
  rows.kib("ShmemHugePages", counters.kib(NodeItem::kNrShmemHugepages));
  rows.kib("ShmemPmdMapped", counters.kib(NodeItem::kNrShmemPmdmapped));
  rows.file_huge("FileHugePages", counters.kib(NodeItem::kNrFileHugepages));
  rows.file_huge("FilePmdMapped", counters.kib(NodeItem::kNrFilePmdmapped));
}

}  // namespace quire
