#include "pagetable/tlb_cpu.hpp"

#include <bit>

namespace quire {
namespace {

constexpr unsigned kGiantShift = 30;

Result<void> validate(TlbSize size) {
  if (size.ways == 0 || size.entries % size.ways != 0) return Errno::kInvalid;
  if (!std::has_single_bit(unsigned{size.entries} / size.ways)) return Errno::kInvalid;
  return {};
}

}  // namespace

std::size_t CpuTlb::entries_of(const TlbSpec& spec) {
  return std::size_t{spec.small.entries} + spec.large.entries + spec.giant.entries +
         spec.second.entries;
}

Result<void> CpuTlb::validate(const TlbSpec& spec) {
  for (const TlbSize size : {spec.small, spec.large, spec.giant, spec.second})
    QUIRE_TRY(quire::validate(size));
  return {};
}

CpuTlb::CpuTlb(const Parts& parts, std::span<TlbEntry> entries)
    : tag_(tag_of(0)),
      walker_(parts.walker),
      large_shift_(static_cast<std::uint8_t>(parts.large_shift)),
      cpu_(parts.cpu) {
  const auto take = [&entries](TlbSize size) {
    const TlbSets sets(entries.first(size.entries), size.ways);
    entries = entries.subspan(size.entries);
    return sets;
  };
  small_ = take(parts.spec.small);
  large_ = take(parts.spec.large);
  giant_ = take(parts.spec.giant);
  second_ = take(parts.spec.second);
}

void CpuTlb::load(Pfn root, std::uint16_t asid) {
  root_ = root;
  tag_ = tag_of(asid);
}

std::byte* CpuTlb::translate_slowly(VirtAddr address, Access access) {
  ++counts_.accesses;
  const std::uint64_t key = address.raw() >> kPageShift | tag_;
  TlbEntry* entry = find_first(key);
  const bool from_second = entry == nullptr;
  if (from_second) entry = find_second(key);
  if (entry != nullptr) {
    const CachedTranslation translation = entry->translation();
    if (translation.allows_now().has(access)) {
      if (check_ != nullptr) check_->check_hit(cpu_, address, access, translation);
      counts_.l2_hits += from_second;
      return use(*entry, address, access);
    }
    // The tables may allow it by now, or want to know of the first write.
    ++counts_.rewalks;
    drop_page(key);
  }
  ++counts_.walks;
  const std::optional<CachedTranslation> found = walker_.walk(root_, address, access);
  if (!found.has_value() || !found->allows_now().has(access)) {
    ++counts_.faults;
    fault_ = {address, access, found.has_value()};
    return nullptr;
  }
  return use(fill(key, *found), address, access);
}

TlbEntry* CpuTlb::find_first(std::uint64_t key) const {
  if (TlbEntry* const entry = small_.find(key, kPageShift)) return entry;
  if (TlbEntry* const entry = large_.find(key, large_shift_)) return entry;
  return giant_.find(key, kGiantShift);
}

// What the second level has is taken to the first.
TlbEntry* CpuTlb::find_second(std::uint64_t key) {
  TlbEntry* const second = second_.find(key, kPageShift);
  if (second == nullptr) return nullptr;
  second->used = counts_.accesses;
  return &put(small_, second->key, second->translation());
}

TlbEntry& CpuTlb::fill(std::uint64_t key, const CachedTranslation& translation) {
  empty_ = false;
  if (translation.shift == kGiantShift) return put(giant_, key, translation);
  if (translation.shift == large_shift_) return put(large_, key, translation);
  put(second_, key, translation);
  return put(small_, key, translation);
}

TlbEntry& CpuTlb::put(const TlbSets& sets, std::uint64_t key,
                      const CachedTranslation& translation) {
  TlbEntry& entry = sets.place_for(key, translation.shift);
  drop(entry);
  entry = {.key = TlbSets::first_page(key, translation.shift),
           .used = counts_.accesses,
           .frame = translation.frame.raw(),
           .allows = translation.allows.bits(),
           .shift = translation.shift,
           .global = translation.global,
           .dirty = translation.dirty};
  return entry;
}

std::byte* CpuTlb::use(TlbEntry& entry, VirtAddr address, Access access) {
  entry.used = counts_.accesses;
  const Pfn frame = entry.translation().frame_of(address);
  std::byte* const content = walker_.content(frame);
  if (content == nullptr) {
    fault_ = {address, access, true};
    return nullptr;
  }
  const std::uint64_t page = address.raw() >> kPageShift;
  const std::uint64_t distance =
      reinterpret_cast<std::uint64_t>(content) - (page << kPageShift);
  if (check_ == nullptr)
    memos_.data()[index_of(access)].data()[page % kMemos] = {page | tag_, &entry, distance};
  return reinterpret_cast<std::byte*>(distance + address.raw());
}

void CpuTlb::drop(TlbEntry& entry) {
  if (entry.key == 0) return;
  forget(entry);
  entry = {};
}

// The memos that stand for `entry`. Those of a 4 KiB entry have one place for each kind of access.
void CpuTlb::forget(const TlbEntry& entry) {
  for (auto& of_kind : memos_) {
    if (entry.shift == kPageShift) {
      Memo& memo = of_kind.data()[entry.key % kMemos];
      if (memo.entry == &entry) memo = {};
      continue;
    }
    for (Memo& memo : of_kind)
      if (memo.entry == &entry) memo = {};
  }
}

void CpuTlb::flush_page(VirtAddr address) {
  ++counts_.page_flushes;
  if (!empty_) drop_page(address.raw() >> kPageShift | tag_);
}

void CpuTlb::drop_page(std::uint64_t key) {
  const auto drop_from = [&](const TlbSets& sets, unsigned shift) {
    while (TlbEntry* const entry = sets.find(key, shift)) drop(*entry);
  };
  drop_from(small_, kPageShift);
  drop_from(large_, large_shift_);
  drop_from(giant_, kGiantShift);
  drop_from(second_, kPageShift);
}

void CpuTlb::flush_loaded() {
  ++counts_.full_flushes;
  if (empty_) return;
  drop_where([](const TlbEntry& entry, std::uint64_t tag) {
    return entry.global == 0 && (entry.key & ~TlbSets::kPageMask) == tag;
  });
}

void CpuTlb::flush_all() {
  ++counts_.full_flushes;
  if (empty_) return;
  drop_where([](const TlbEntry&, std::uint64_t) { return true; });
  empty_ = true;
}

void CpuTlb::drop_where(bool (*gone)(const TlbEntry& entry, std::uint64_t tag)) {
  for (const TlbSets* sets : {&small_, &large_, &giant_, &second_})
    for (TlbEntry& entry : sets->all())
      if (entry.key != 0 && gone(entry, tag_)) entry = {};
  memos_ = {};
}

void CpuTlb::set_check(TlbHitCheck* check) {
  check_ = check;
  memos_ = {};
}

}  // namespace quire
