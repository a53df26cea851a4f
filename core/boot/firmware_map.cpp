#include "boot/firmware_map.hpp"

#include <optional>

#include "boot/boot_log.hpp"

namespace quire {
namespace {

// As the boot log names a type.
Text& put_type(Text& text, FirmwareType type) {
  switch (type) {
    case FirmwareType::kUsable:
      return text.str("usable");
    case FirmwareType::kReserved:
      return text.str("reserved");
    case FirmwareType::kAcpiData:
      return text.str("ACPI data");
    case FirmwareType::kAcpiNvs:
      return text.str("ACPI NVS");
    case FirmwareType::kUnusable:
      return text.str("unusable");
    case FirmwareType::kPersistent:
      return text.str("persistent (type 7)");
  }
  const bool legacy = type == kLegacyPersistent;
  text.str(legacy ? "persistent (type " : "type ").dec(static_cast<std::uint32_t>(type));
  return text.str(legacy ? ")" : "");
}

// What holds at one address: the winning type, if any row covers it, and where that may change.
struct Slice {
  std::optional<FirmwareType> type;
  std::optional<PhysAddr> next;
};

Slice slice_at(std::span<const FirmwareRange> rows, PhysAddr address) {
  Slice slice;
  for (const FirmwareRange& row : rows) {
    if (row.range.contains(address) && (!slice.type || *slice.type < row.type))
      slice.type = row.type;
    for (const PhysAddr edge : {row.range.start, row.range.end})
      if (edge > address && (!slice.next || edge < *slice.next)) slice.next = edge;
  }
  return slice;
}

}  // namespace

ArchLimits limits_of(ArchProfile arch) {
  switch (arch) {
    case ArchProfile::kX86_64La57:
      return {.physical_bits = 52};
    case ArchProfile::kX86_32:
      return {.physical_bits = 36, .low_memory_end = PhysAddr{} + mib(896)};
    case ArchProfile::kX86_64:
      break;
  }
  return {};
}

Result<void> FirmwareMap::add(FirmwareRange row) {
  if (row.range.empty()) return {};
  return entries_.push_back(row);
}

Result<void> FirmwareMap::append_merged(FirmwareRange row) {
  if (!scratch_.empty()) {
    FirmwareRange& last = scratch_[scratch_.size() - 1];
    if (last.type == row.type && last.range.end == row.range.start) {
      last.range.end = row.range.end;
      return {};
    }
  }
  return scratch_.push_back(row);
}

Result<void> FirmwareMap::sanitise() {
  scratch_.truncate(0);
  std::optional<PhysAddr> at = PhysAddr{0};
  while (at) {
    const Slice slice = slice_at(entries_.span(), *at);
    if (slice.type) QUIRE_TRY(append_merged({{*at, *slice.next}, *slice.type}));
    at = slice.next;
  }
  const ArenaVector<FirmwareRange> sanitised = scratch_;
  scratch_ = entries_;
  entries_ = sanitised;
  return {};
}

Result<void> FirmwareMap::replace(PhysRange range, FirmwareType from, const FirmwareType* to) {
  scratch_.truncate(0);
  for (const FirmwareRange& row : entries_) {
    const PhysRange hit = row.range.intersect(range);
    if (row.type != from || hit.empty()) {
      QUIRE_TRY(scratch_.push_back(row));
      continue;
    }
    if (row.range.start < hit.start)
      QUIRE_TRY(scratch_.push_back({{row.range.start, hit.start}, from}));
    if (to != nullptr) QUIRE_TRY(scratch_.push_back({hit, *to}));
    if (hit.end < row.range.end) QUIRE_TRY(scratch_.push_back({{hit.end, row.range.end}, from}));
  }
  const ArenaVector<FirmwareRange> replaced = scratch_;
  scratch_ = entries_;
  entries_ = replaced;
  return {};
}

Result<void> FirmwareMap::update(PhysRange range, Retype types, Host& host) {
  LogLine line(host);
  put_mem(line->str("e820: update "), range, kShortDigits).ch(' ');
  put_type(put_type(*line, types.from).str(" ==> "), types.to);
  return replace(range, types.from, &types.to);
}

Result<void> FirmwareMap::remove(PhysRange range, FirmwareType type, Host& host) {
  LogLine line(host);
  put_type(put_mem(line->str("e820: remove "), range, kShortDigits).ch(' '), type);
  return replace(range, type, nullptr);
}

Pfn FirmwareMap::end_of_ram(Pfn limit) const {
  Pfn last{0};
  for (const FirmwareRange& row : entries_)
    if (row.type == FirmwareType::kUsable && pfn_down(row.range.start) < limit)
      last = max_of(last, min_of(pfn_down(row.range.end), limit));
  return last;
}

void FirmwareMap::log(Host& host, std::string_view who) const {
  for (const FirmwareRange& row : entries_) {
    LogLine line(host);
    put_type(put_mem(line->str(who).str(": "), row.range, kFullDigits).ch(' '), row.type);
  }
}

}  // namespace quire
