#include "boot/resources.hpp"

#include "boot/boot_log.hpp"

namespace quire {
namespace {

std::string_view row_name(FirmwareType type) {
  switch (type) {
    case FirmwareType::kUsable:
      return "System RAM";
    case FirmwareType::kReserved:
      return "Reserved";
    case FirmwareType::kAcpiData:
      return "ACPI Tables";
    case FirmwareType::kAcpiNvs:
      return "ACPI Non-volatile Storage";
    case FirmwareType::kUnusable:
      return "Unusable memory";
    case FirmwareType::kPersistent:
      return "Persistent Memory";
  }
  return type == kLegacyPersistent ? "Persistent Memory (legacy)" : "Unknown E820 type";
}

// Behind RAM no device is placed up to the next multiple of this: firmware may hide RAM there.
Bytes clearance_at(PhysAddr end) {
  if (end < PhysAddr{0} + mib(1)) return kib(64);
  return end < PhysAddr{0} + mib(16) ? mib(1) : mib(64);
}

void log_clearances(std::span<const FirmwareRange> entries, Host& host) {
  for (const FirmwareRange& entry : entries) {
    if (entry.type != FirmwareType::kUsable) continue;
    const PhysAddr from = entry.range.end;
    const PhysAddr to = from.align_up(clearance_at(from));
    if (to <= from) continue;
    LogLine line(host);
    put_mem(line->str("e820: reserve RAM buffer "), {from, to}, kShortDigits);
  }
}

bool comes_before(const ResourceRow& a, const ResourceRow& b) {
  if (a.range.start != b.range.start) return a.range.start < b.range.start;
  return a.depth < b.depth;
}

}  // namespace

Result<void> Resources::init(const FirmwareMap& map, std::span<const KernelRange> image,
                             Host& host) {
  for (const FirmwareRange& entry : map.entries())
    QUIRE_TRY(insert({entry.range, row_name(entry.type), 0}));
  for (const KernelRange& part : image) QUIRE_TRY(add_image_part(part, map.entries()));
  log_clearances(map.entries(), host);
  return {};
}

// Behind all rows that begin before it, and behind the row it lies in.
Result<void> Resources::insert(const ResourceRow& row) {
  std::size_t at = rows_.size();
  while (at > 0 && comes_before(row, rows_[at - 1])) --at;
  return rows_.insert(at, row);
}

Result<void> Resources::add_image_part(const KernelRange& part,
                                       std::span<const FirmwareRange> map) {
  if (part.name.empty() || part.range.empty()) return {};
  for (const FirmwareRange& entry : map) {
    if (!entry.range.contains(part.range.start)) continue;
    QUIRE_TRY_ASSIGN(name, copy_text(part.name, arena_));
    return insert({part.range.intersect(entry.range), name, 1});
  }
  return {};
}

Result<void> Resources::add_ram(PhysRange range) {
  return insert({range, row_name(FirmwareType::kUsable), 0});
}

Result<void> Resources::remove_ram(PhysRange range) {
  const std::string_view ram = row_name(FirmwareType::kUsable);
  // At most one row falls in two.
  QUIRE_TRY(rows_.reserve(rows_.size() + 1));
  for (std::size_t i = rows_.size(); i-- > 0;) {
    const PhysRange row = rows_[i].range;
    if (rows_[i].name != ram || row.intersect(range).empty()) continue;
    if (range.end < row.end) QUIRE_TRY(add_ram({range.end, row.end}));
    if (row.start < range.start)
      rows_[i].range.end = range.start;
    else
      rows_.erase({i, i + 1});
  }
  return {};
}

}  // namespace quire
