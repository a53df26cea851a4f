#include "pagetable/tlb_cpu.hpp"

#include <bit>

namespace quire {
namespace {

constexpr unsigned kGiantShift = 30;
// Ways of 4 KiB translations that are compiled for.
constexpr unsigned kUsualFirst = TlbSpec{}.small.ways;
constexpr unsigned kUsualSecond = TlbSpec{}.second.ways;

Result<void> validate(TlbSize size) {
  if (size.ways == 0 || size.entries % size.ways != 0) return Errno::kInvalid;
  if (!std::has_single_bit(unsigned{size.entries} / size.ways)) return Errno::kInvalid;
  return {};
}

}  // namespace

std::size_t CpuTlb::words_of(const TlbSpec& spec) {
  return TlbSets::words_of(spec.small) + TlbSets::words_of(spec.large) +
         TlbSets::words_of(spec.giant) + TlbSets::words_of(spec.second);
}

Result<void> CpuTlb::validate(const TlbSpec& spec) {
  for (const TlbSize size : {spec.small, spec.large, spec.giant, spec.second})
    QUIRE_TRY(quire::validate(size));
  return {};
}

CpuTlb::CpuTlb(const Parts& parts, std::span<std::uint64_t> memory)
    : walker_(parts.walker), cpu_(parts.cpu) {
  const auto take = [&memory](TlbSize size, unsigned shift) {
    const Cache cache{TlbSets(memory.data(), size), shift};
    memory = memory.subspan(TlbSets::words_of(size));
    return cache;
  };
  small_ = take(parts.spec.small, kPageShift);
  large_ = take(parts.spec.large, parts.large_shift);
  giant_ = take(parts.spec.giant, kGiantShift);
  second_ = take(parts.spec.second, kPageShift);
  usual_ = small_.sets.ways() == kUsualFirst && second_.sets.ways() == kUsualSecond;
}

void CpuTlb::load(Pfn root, std::uint16_t asid) {
  root_ = root;
  tag_ = std::uint64_t{asid} + 1;
}

std::byte* CpuTlb::translate_slowly(VirtAddr address, Access access) {
  return usual_ ? search<kUsualFirst, kUsualSecond>(address, access)
                : search<0, 0>(address, access);
}

template <unsigned kFirst, unsigned kSecond>
std::byte* CpuTlb::search(VirtAddr address, Access access) {
  ++counts_.accesses;
  const std::uint64_t key = key_of(address);
  if (const auto place = small_.sets.find<kFirst>(key); place != TlbSets::kNone)
    return hit({&small_, place}, address, access);
  if (rare_) [[unlikely]] {
    if (const Found rare = find_rare(address); rare.place != TlbSets::kNone)
      return hit(rare, address, access);
  }
  TlbSets::Place second = second_.sets.find<kSecond>(key);
  if (second == TlbSets::kNone) {
    if (rare_) [[unlikely]] second = find(second_, address);
    if (second == TlbSets::kNone) return walk<kFirst, kSecond>(address, access);
  }
  // What the second level has is taken to the first.
  second_.sets.used(second) = counts_.accesses;
  const Found found =
      put_first<kFirst>(small_, second_.sets.key(second), second_.sets.at(second));
  if (!found.entry().allows_now(access)) [[unlikely]] return walk_again(address, access);
  if (check_ != nullptr) [[unlikely]]
    check_->check_hit(cpu_, address, access, found.entry().translation());
  ++counts_.l2_hits;
  return use(found, address, access);
}

std::byte* CpuTlb::hit(const Found& found, VirtAddr address, Access access) {
  if (!found.entry().allows_now(access)) [[unlikely]] return walk_again(address, access);
  if (check_ != nullptr)
    check_->check_hit(cpu_, address, access, found.entry().translation());
  return use(found, address, access);
}

// An entry does not allow the access: the tables may by now, or want to know of the first write.
std::byte* CpuTlb::walk_again(VirtAddr address, Access access) {
  ++counts_.rewalks;
  drop_page(address);
  return walk<0, 0>(address, access);
}

template <unsigned kFirst, unsigned kSecond>
std::byte* CpuTlb::walk(VirtAddr address, Access access) {
  ++counts_.walks;
  TableMemo& memo = table_memo(address);
  const bool remembered = memo.table != nullptr;
  const std::optional<CachedTranslation> walked = walker_.walk(root_, address, access, memo);
  if (!walked.has_value() || !walked->allows_now().has(access)) [[unlikely]] {
    ++counts_.faults;
    fault_ = {address, access, walked.has_value()};
    return nullptr;
  }
  // The way that was remembered has to lead where the tables do.
  if (check_ != nullptr && remembered) check_->check_hit(cpu_, address, access, *walked);
  empty_ = false;
  rare_ |= walked->global;
  if (walked->shift != kPageShift) [[unlikely]]
    return use(fill_huge(address, *walked), address, access);
  const TlbEntry entry(*walked, walker_.content(walked->frame));
  const std::uint64_t key = small_.key_of(address, walked->global ? TlbSets::kGlobal : tag_);
  const TlbSets::Place place = second_.sets.place_for<kSecond>(key);
  second_.sets.put<kSecond>(place, key, entry);
  second_.sets.used(place) = counts_.accesses;
  return use(put_first<kFirst>(small_, key, entry), address, access);
}

CpuTlb::Found CpuTlb::fill_huge(VirtAddr address, const CachedTranslation& walked) {
  rare_ = true;
  const Cache& cache = walked.shift == large_.shift ? large_ : giant_;
  const std::uint64_t key = cache.key_of(address, walked.global ? TlbSets::kGlobal : tag_);
  return put_first<0>(cache, key, {walked, nullptr});
}

TlbSets::Place CpuTlb::find(const Cache& cache, VirtAddr address) const {
  const auto place = cache.sets.find(cache.key_of(address, tag_));
  if (place != TlbSets::kNone) return place;
  return cache.sets.find(cache.key_of(address, TlbSets::kGlobal));
}

// What the first level has besides 4 KiB translations of this address space.
CpuTlb::Found CpuTlb::find_rare(VirtAddr address) const {
  for (const Cache* cache : {&small_, &large_})
    if (const auto place = find(*cache, address); place != TlbSets::kNone) return {cache, place};
  return {&giant_, find(giant_, address)};
}

// The way to the table of leaves of `address`, if it is remembered; else room to remember it.
TableMemo& CpuTlb::table_memo(VirtAddr address) {
  const std::uint64_t key = large_.key_of(address, tag_);
  TableMemo& memo = table_memos_.data()[(key >> TlbSets::kTagBits) % kTableMemos];
  if (memo.key != key) memo = {.key = key};
  tables_ = true;
  return memo;
}

template <unsigned kWays>
[[gnu::always_inline]] inline CpuTlb::Found CpuTlb::put_first(const Cache& cache,
                                                              std::uint64_t key,
                                                              const TlbEntry& entry) {
  const Found place{&cache, cache.sets.place_for<kWays>(key)};
  forget(place);
  cache.sets.put<kWays>(place.place, key, entry);
  return place;
}

[[gnu::always_inline]] inline std::byte* CpuTlb::use(const Found& found, VirtAddr address,
                                                     Access access) {
  TlbEntry& entry = found.entry();
  found.used() = counts_.accesses;
  std::byte* content = entry.content();
  if (found.cache != &small_) [[unlikely]]
    content = walker_.content(entry.translation().frame_of(address));
  if (content == nullptr) [[unlikely]] {
    fault_ = {address, access, true};
    return nullptr;
  }
  const std::uint64_t page = address.raw() & ~TlbSets::kTagMask;
  const std::uint64_t page_to_content = reinterpret_cast<std::uint64_t>(content) - page;
  if (check_ == nullptr) [[likely]] {
    memo_at(address, access) = {page | tag_, &found.used(), page_to_content};
    entry.add_memo(access);
  }
  return reinterpret_cast<std::byte*>(page_to_content + address.raw());
}

// The memos that stand for an entry. Those of a 4 KiB entry have one place for each kind of access.
[[gnu::always_inline]] inline void CpuTlb::forget(const Found& found) {
  TlbEntry& entry = found.entry();
  const std::uint64_t* const used = &found.used();
  for (unsigned kinds = entry.memos(); kinds != 0; kinds &= kinds - 1) {
    const unsigned kind = ffs0(kinds);
    if (found.cache == &small_) [[likely]] {
      Memo& memo = memo_at(VirtAddr{small_.sets.key(found.place)}, static_cast<Access>(kind));
      if (memo.used == used) memo.key = 0;
      continue;
    }
    for (Memo& memo : memos_.data()[kind])
      if (memo.used == used) memo.key = 0;
  }
}

void CpuTlb::forget_tables() {
  if (tables_) table_memos_ = {};
  tables_ = false;
}

void CpuTlb::flush_page(VirtAddr address) {
  ++counts_.page_flushes;
  forget_tables();
  if (!empty_) drop_page(address);
}

void CpuTlb::drop_page(VirtAddr address) {
  for (const Cache* cache : {&small_, &large_, &giant_, &second_})
    for (Found gone{cache, find(*cache, address)}; gone.place != TlbSets::kNone;
         gone.place = find(*cache, address)) {
      forget(gone);
      gone.entry() = {};
      cache->sets.drop(gone.place);
    }
}

void CpuTlb::flush_loaded() {
  ++counts_.full_flushes;
  forget_tables();
  if (!empty_) drop_where([this](std::uint64_t key) { return (key & TlbSets::kTagMask) == tag_; });
}

void CpuTlb::flush_all() {
  ++counts_.full_flushes;
  forget_tables();
  if (empty_) return;
  drop_where([](std::uint64_t) { return true; });
  empty_ = true;
  rare_ = false;
}

template <class Gone>
void CpuTlb::drop_where(Gone gone) {
  for (const Cache* cache : {&small_, &large_, &giant_, &second_})
    for (TlbSets::Place place = 0; place < cache->sets.places(); ++place)
      if (const auto key = cache->sets.key(place); key != 0 && gone(key)) cache->sets.drop(place);
  memos_ = {};
}

void CpuTlb::set_check(TlbHitCheck* check) {
  check_ = check;
  memos_ = {};
}

}  // namespace quire
