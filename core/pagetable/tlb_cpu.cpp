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
    : walker_(parts.walker), cpu_(parts.cpu) {
  const auto take = [&entries](TlbSize size, unsigned shift) {
    const TlbSets sets(entries.data(), size, shift);
    entries = entries.subspan(size.entries);
    return sets;
  };
  small_ = take(parts.spec.small, kPageShift);
  large_ = take(parts.spec.large, parts.large_shift);
  giant_ = take(parts.spec.giant, kGiantShift);
  second_ = take(parts.spec.second, kPageShift);
}

void CpuTlb::load(Pfn root, std::uint16_t asid) {
  root_ = root;
  tag_ = std::uint64_t{asid} + 1;
}

std::byte* CpuTlb::translate_slowly(VirtAddr address, Access access) {
  ++counts_.accesses;
  const std::uint64_t key = key_of(address);
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
  if (TlbEntry* const entry = small_.find(key); entry != nullptr || !huge_) return entry;
  if (TlbEntry* const entry = large_.find(key)) return entry;
  return giant_.find(key);
}

// What the second level has is taken to the first.
TlbEntry* CpuTlb::find_second(std::uint64_t key) {
  TlbEntry* const second = second_.find(key);
  if (second == nullptr) return nullptr;
  second->used = counts_.accesses;
  return &put(small_, *second);
}

TlbEntry& CpuTlb::fill(std::uint64_t key, const CachedTranslation& translation) {
  empty_ = false;
  huge_ = huge_ || translation.shift != kPageShift;
  const TlbSets& sets = translation.shift == kPageShift       ? small_
                        : translation.shift == large_.shift() ? large_
                                                              : giant_;
  const TlbEntry entry{.key = sets.leaf_key(key),
                       .used = counts_.accesses,
                       .frame = translation.frame.raw(),
                       .shift = translation.shift,
                       .allows = translation.allows.bits(),
                       .global = translation.global,
                       .dirty = translation.dirty};
  if (translation.shift == kPageShift) put(second_, entry);
  return put(sets, entry);
}

TlbEntry& CpuTlb::put(const TlbSets& sets, TlbEntry entry) {
  TlbEntry& place = sets.place_for(entry.key);
  forget(place);
  place = entry;
  return place;
}

std::byte* CpuTlb::use(TlbEntry& entry, VirtAddr address, Access access) {
  entry.used = counts_.accesses;
  std::byte* const content = walker_.content(entry.translation().frame_of(address));
  if (content == nullptr) {
    fault_ = {address, access, true};
    return nullptr;
  }
  const std::uint64_t page = address.raw() & ~TlbSets::kTagMask;
  const std::uint64_t page_to_content = reinterpret_cast<std::uint64_t>(content) - page;
  if (check_ == nullptr) memo_at(address, access) = {key_of(address), &entry, page_to_content};
  return reinterpret_cast<std::byte*>(page_to_content + address.raw());
}

// The memos that stand for `entry`. Those of a 4 KiB entry have one place for each kind of access.
void CpuTlb::forget(const TlbEntry& entry) {
  if (entry.key == 0) return;
  for (unsigned kind = 0; kind < kAccessKinds; ++kind) {
    if (entry.shift == kPageShift) {
      Memo& memo = memo_at(VirtAddr{entry.key}, static_cast<Access>(kind));
      if (memo.entry == &entry) memo = {};
      continue;
    }
    for (Memo& memo : memos_.data()[kind])
      if (memo.entry == &entry) memo = {};
  }
}

void CpuTlb::flush_page(VirtAddr address) {
  ++counts_.page_flushes;
  if (!empty_) drop_page(key_of(address));
}

void CpuTlb::drop_page(std::uint64_t key) {
  for (const TlbSets* sets : {&small_, &large_, &giant_, &second_})
    while (TlbEntry* const entry = sets->find(key)) {
      forget(*entry);
      *entry = {};
    }
}

void CpuTlb::flush_loaded() {
  ++counts_.full_flushes;
  if (empty_) return;
  drop_where([](const TlbEntry& entry, std::uint64_t tag) {
    return entry.global == 0 && (entry.key & TlbSets::kTagMask) == tag;
  });
}

void CpuTlb::flush_all() {
  ++counts_.full_flushes;
  if (empty_) return;
  drop_where([](const TlbEntry&, std::uint64_t) { return true; });
  empty_ = true;
  huge_ = false;
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
