#include "procfs/sysctls.hpp"

#include <iterator>

#include "procfs/number_text.hpp"

namespace quire {
namespace {

constexpr std::int64_t kMin = -0x80000000LL;
constexpr std::int64_t kMax = 0x7fffffff;
// Times kept in ticks of 4 ms: as many seconds as an int of ticks holds.
constexpr std::int64_t kMostSeconds = kMax / 250;

constexpr SysctlRow kRows[] = {
#define QUIRE_ROW(enumerator, name, mode, kernels, rule, lowest, highest, initial)              \
  SysctlRow{Sysctl::enumerator, name,   mode,    SysctlKernels::kernels, SysctlRule::rule, lowest, \
            highest,            initial},
#include "procfs/sysctl_rows.inc"
#undef QUIRE_ROW
};
static_assert(std::size(kRows) == kSysctls);

const SysctlRow& row_of(Sysctl sysctl) { return kRows[index_of(sysctl)]; }

// Two files show the one pool of huge pages.
Sysctl holder_of(Sysctl sysctl) {
  return sysctl == Sysctl::kNrHugepagesMempolicy ? Sysctl::kNrHugepages : sysctl;
}

}  // namespace

std::span<const SysctlRow> sysctl_rows() { return kRows; }

Sysctls::Sysctls(Nodes& nodes, Tunables& tunables) : nodes_(nodes), tunables_(tunables) {
  for (const SysctlRow& row : kRows) values_[index_of(row.id)].set(row.initial);
}

void Sysctls::size_reserves() {
  const PageCount free{global_zone_state(nodes_, ZoneItem::kNrFreePages)};
  const std::uint64_t share = in_kib(free) / 32;
  for (const Sysctl sysctl : {Sysctl::kUserReserveKbytes, Sysctl::kAdminReserveKbytes}) {
    const auto most = static_cast<std::uint64_t>(row_of(sysctl).initial);
    values_[index_of(sysctl)].set(static_cast<std::int64_t>(min_of(share, most)));
  }
}

std::optional<Sysctl> Sysctls::find(const SysctlPlace& place) const {
  for (const SysctlRow& row : kRows)
    if (row.place() == place && row.is_in(nodes_.arch())) return row.id;
  return std::nullopt;
}

std::int64_t Sysctls::get(Sysctl sysctl) const {
  switch (sysctl) {
    case Sysctl::kMinFreeKbytes: return static_cast<std::int64_t>(tunables_.min_free_kbytes);
    case Sysctl::kWatermarkScaleFactor: return tunables_.watermark_scale_factor;
    case Sysctl::kWatermarkBoostFactor: return tunables_.watermark_boost_factor;
    case Sysctl::kPercpuHighFraction: return tunables_.percpu_pagelist_high_fraction;
    default: return values_[index_of(holder_of(sysctl))].get();
  }
}

Result<void> Sysctls::show(Sysctl sysctl, Text& out) {
  const SysctlRow& row = row_of(sysctl);
  if ((row.mode & 0400) == 0) return Errno::kAccess;
  switch (row.rule) {
    case SysctlRule::kAnything: return {};
    case SysctlRule::kZonelistOrder: out.str("Node"); break;
    case SysctlRule::kUnsigned: out.dec(get_unsigned(sysctl)); break;
    case SysctlRule::kInt:
    case SysctlRule::kBool: out.sdec(get(sysctl)); break;
    case SysctlRule::kRatios: show_ratios(out); break;
  }
  out.nl();
  return {};
}

void Sysctls::show_ratios(Text& out) {
  const auto ratios = [&] {
    const SpinGuard guard(lock_);
    setup_lowmem_reserve(nodes_, tunables_);
    return tunables_.lowmem_reserve_ratio;
  }();
  bool first = true;
  for (const ZoneType type : zones_of(nodes_.arch())) {
    if (!first) out.ch('\t');
    out.dec(ratios[index_of(type)]);
    first = false;
  }
}

Result<std::size_t> Sysctls::write(Sysctl sysctl, std::string_view text) {
  const SysctlRow& row = row_of(sysctl);
  std::int64_t old = 0;
  const auto taken = [&] {
    const SpinGuard guard(lock_);
    old = get(sysctl);
    auto written = write_locked(row, text);
    if (written.has_value()) apply(sysctl, old);
    return written;
  }();
  if (taken.has_value() && listener_ != nullptr) listener_->written(sysctl, old);
  return taken;
}

Result<std::size_t> Sysctls::write_locked(const SysctlRow& row, std::string_view text) {
  switch (row.rule) {
    case SysctlRule::kAnything: return text.size();
    case SysctlRule::kZonelistOrder:
      if (text.empty() || std::string_view{"nNdD"}.find(text[0]) == std::string_view::npos)
        return Errno::kInvalid;
      return text.size();
    case SysctlRule::kRatios: return write_ratios(text);
    default:
      if (text.empty()) return std::size_t{0};  // no number, no error, and yet a write
      return write_number(row, text);
  }
}

Result<std::size_t> Sysctls::write_number(const SysctlRow& row, std::string_view text) {
  std::string_view rest = text;
  skip_blanks(rest);
  QUIRE_TRY_ASSIGN(number, take_number(rest));
  auto value = static_cast<std::int64_t>(number.magnitude);
  if (row.rule == SysctlRule::kInt) {
    QUIRE_TRY_ASSIGN(small, as_int(number));
    if (small < row.lowest || small > row.highest) return Errno::kInvalid;
    value = small;
  } else if (row.rule == SysctlRule::kUnsigned) {
    if (number.negative || number.magnitude < static_cast<std::uint64_t>(row.lowest))
      return Errno::kInvalid;
  } else {
    value = number.magnitude != 0;
  }
  QUIRE_TRY(check(row.id, value));
  put(row.id, value);
  skip_blanks(rest);
  return text.size() - rest.size();
}

std::size_t Sysctls::write_ratios(std::string_view text) {
  std::string_view rest = text;
  bool any = false;
  for (const ZoneType type : zones_of(nodes_.arch())) {
    skip_blanks(rest);
    const Result<SignedNumber> number = take_number(rest);
    if (!number.has_value()) break;
    const Result<std::int64_t> value = as_int(*number);
    if (!value.has_value()) return any ? text.size() - rest.size() : text.size();
    tunables_.lowmem_reserve_ratio[index_of(type)] =
        static_cast<std::uint32_t>(max_of<std::int64_t>(*value, 0));
    any = true;
  }
  if (!any) return text.size();
  skip_blanks(rest);
  return text.size() - rest.size();
}

Result<void> Sysctls::check(Sysctl sysctl, std::int64_t value) const {
  constexpr std::uint64_t kMostDirtyPages = 0xffffffff;
  constexpr std::int64_t kLeastFraction = 8;
  switch (sysctl) {
    case Sysctl::kPercpuHighFraction:
      if (value != 0 && value < kLeastFraction) return Errno::kInvalid;
      break;
    case Sysctl::kDirtyBytes:
    case Sysctl::kDirtyBackgroundBytes:
      // Rounding the very last byte counts up to pages wraps to none, and passes.
      if (pages_to_hold(Bytes{static_cast<std::uint64_t>(value)}).raw() > kMostDirtyPages)
        return Errno::kRange;
      break;
    default: break;
  }
  return {};
}

void Sysctls::put(Sysctl sysctl, std::int64_t value) {
  const auto small = static_cast<std::uint32_t>(value);
  switch (sysctl) {
    case Sysctl::kMinFreeKbytes: tunables_.min_free_kbytes = small; break;
    case Sysctl::kWatermarkScaleFactor: tunables_.watermark_scale_factor = small; break;
    case Sysctl::kWatermarkBoostFactor: tunables_.watermark_boost_factor = small; break;
    case Sysctl::kPercpuHighFraction: tunables_.percpu_pagelist_high_fraction = small; break;
    default: values_[index_of(holder_of(sysctl))].set(value);
  }
}

void Sysctls::apply(Sysctl sysctl, std::int64_t old) {
  const bool changed = get(sysctl) != old;
  switch (sysctl) {
    case Sysctl::kMinFreeKbytes:
      tunables_.user_min_free_kbytes = static_cast<std::int64_t>(tunables_.min_free_kbytes);
      setup_watermarks(nodes_, tunables_);
      break;
    case Sysctl::kWatermarkScaleFactor: setup_watermarks(nodes_, tunables_); break;
    case Sysctl::kLowmemReserveRatio: setup_lowmem_reserve(nodes_, tunables_); break;
    case Sysctl::kPercpuHighFraction:
      if (changed) setup_pagesets(nodes_, tunables_);
      break;
    case Sysctl::kDirtyBytes:
      if (changed) put(Sysctl::kDirtyRatio, 0);
      break;
    case Sysctl::kDirtyRatio:
      if (changed) put(Sysctl::kDirtyBytes, 0);
      break;
    case Sysctl::kDirtyBackgroundBytes: put(Sysctl::kDirtyBackgroundRatio, 0); break;
    case Sysctl::kDirtyBackgroundRatio: put(Sysctl::kDirtyBackgroundBytes, 0); break;
    case Sysctl::kOvercommitKbytes: put(Sysctl::kOvercommitRatio, 0); break;
    case Sysctl::kOvercommitRatio: put(Sysctl::kOvercommitKbytes, 0); break;
    case Sysctl::kDropCaches: count_dropped_caches(); break;
    default: break;
  }
}

void Sysctls::count_dropped_caches() {
  constexpr std::int64_t kPageCache = 1;
  constexpr std::int64_t kSlab = 2;
  const CpuContext* const context = Arch::current();
  std::byte* const area = context == nullptr || context->percpu == nullptr
                              ? nodes_.percpu_area(CpuId{0})
                              : context->percpu;
  const std::int64_t asked = get(Sysctl::kDropCaches);
  if ((asked & kPageCache) != 0) count_event(area, VmEvent::kDropPagecache, 1);
  if ((asked & kSlab) != 0) count_event(area, VmEvent::kDropSlab, 1);
}

void Sysctls::memory_changed(bool huge_pages) {
  const SpinGuard guard(lock_);
  calculate_min_free(nodes_, tunables_);
  setup_watermarks(nodes_, tunables_);
  refresh_stat_thresholds(nodes_);
  setup_lowmem_reserve(nodes_, tunables_);
  if (huge_pages) raise_min_free_for_huge_pages(nodes_, tunables_);
}

void Sysctls::huge_pages_switched(bool on) {
  const SpinGuard guard(lock_);
  if (on) {
    raise_min_free_for_huge_pages(nodes_, tunables_);
    return;
  }
  calculate_min_free(nodes_, tunables_);
  setup_watermarks(nodes_, tunables_);
}

}  // namespace quire
