// The translation caches of one modelled CPU: 4 KiB translations in two levels, one each for large
// (2 or 4 MiB) and giant (1 GiB) leaves, tagged by address space, replaced by least use. What a
// program or the kernel touches goes through translate().
//
// Memos    So that a hit costs little whatever it hits, recent hits are remembered by page and kind
//          of access, with where the content lies. A memo stands for an entry of the first level
//          and goes with it, so that hits and replacement are those of the hardware described.
// Tables   Walks begin at tables of leaves that are remembered too, as processors have it: any
//          flush forgets all of these.
// Counts   accesses = hits in the first level + hits in the second + walks.
// Locking  The CPU's own; another CPU flushes it while its own is stopped or runs on the same
//          thread (sim).
// Cost     translate(), hit: 15 instructions inline; in the second level some 200. A walk costs
//          what the walker does, and as much again.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/base.hpp"
#include "boot/boot.hpp"
#include "host/host.hpp"
#include "pagetable/tlb_sets.hpp"
#include "pagetable/tlb_translation.hpp"

namespace quire {

// Why translate() gave nothing: the page fault that the CPU raises.
struct TlbFault {
  VirtAddr address;
  Access access{};
  bool present = false;  // mapped, but not for this access, or to no RAM
};

struct TlbCounts {
  std::uint64_t accesses = 0;
  std::uint64_t l2_hits = 0;
  std::uint64_t walks = 0;      // of them
  std::uint64_t rewalks = 0;    // an entry was there, but did not allow the access (yet)
  std::uint64_t faults = 0;     // walks that found nothing usable
  std::uint64_t page_flushes = 0;
  std::uint64_t full_flushes = 0;  // of one address space or of all
  [[nodiscard]] std::uint64_t l1_hits() const { return accesses - l2_hits - walks; }
};

// Sees each hit before it is used, where hits are checked.
class TlbHitCheck {
 public:
  virtual void check_hit(CpuId cpu, VirtAddr address, Access access,
                         const CachedTranslation& cached) = 0;

 protected:
  ~TlbHitCheck() = default;
};

class alignas(64) CpuTlb {
 public:
  struct Parts {
    CpuId cpu;
    TableWalker& walker;
    const TlbSpec& spec;
    unsigned large_shift;
  };
  // How much memory the caches of `spec` take in all.
  static std::size_t words_of(const TlbSpec& spec);
  // kInvalid: the entries of a cache are not 2^n sets.
  static Result<void> validate(const TlbSpec& spec);
  // `memory` is as much as words_of() says, all zeros. The spec is valid.
  CpuTlb(const Parts& parts, std::span<std::uint64_t> memory);

  // Where the content of `address` lies, to be touched that way up to the end of its page. Null:
  // a page fault, which last_fault() tells.
  template <Access kAccess>
  [[nodiscard, gnu::always_inline]] std::byte* translate(VirtAddr address) {
    return translate(address, kAccess);
  }
  [[nodiscard, gnu::always_inline]] std::byte* translate(VirtAddr address, Access access) {
    const Memo& memo = memo_at(address, access);
    if (memo.key != key_of(address)) [[unlikely]] return translate_slowly(address, access);
    *memo.used = ++counts_.accesses;
    return reinterpret_cast<std::byte*>(memo.page_to_content + address.raw());
  }
  [[gnu::noinline]] std::byte* translate_slowly(VirtAddr address, Access access);
  // It will be translated soon: what a walk would read then is fetched. Changes nothing else.
  [[gnu::always_inline]] void expect(VirtAddr address) const {
    const std::uint64_t number = address.raw() >> large_.shift;
    const auto table =
        reinterpret_cast<std::uintptr_t>(table_memos_.data()[number % kTableMemos].table);
    // A table of 4 KiB maps 2^large_.shift bytes.
    const std::uint64_t entry = address.raw() >> (large_.shift - kPageShift) & TlbSets::kTagMask;
    __builtin_prefetch(reinterpret_cast<const void*>(table + entry));  // nonsense is no fault
  }
  [[nodiscard]] const TlbFault& last_fault() const { return fault_; }

  // The tables and the address space (PCID) that translate() uses from now on.
  void load(Pfn root, std::uint16_t asid);
  [[nodiscard]] Pfn root() const { return root_; }
  // INVLPG: the page's translations of this address space and the global ones, of any size.
  void flush_page(VirtAddr address);
  // The translations of this address space that are not global.
  void flush_loaded();
  void flush_all();

  // From now on each hit is shown to `check` first; null: none is.
  void set_check(TlbHitCheck* check);
  [[nodiscard]] const TlbCounts& counts() const { return counts_; }

  // Visits (first address, translation) of what the CPU could use now.
  template <class Visit>
  void for_each_usable(Visit visit) const {
    for (const Cache* cache : {&small_, &large_, &giant_, &second_})
      for (TlbSets::Place place = 0; place < cache->sets.places(); ++place) {
        const std::uint64_t key = cache->sets.key(place);
        const std::uint64_t tag = key & TlbSets::kTagMask;
        if (tag == tag_ || tag == TlbSets::kGlobal)
          visit(VirtAddr{key >> TlbSets::kTagBits << cache->shift},
                cache->sets.at(place).translation());
      }
  }

 private:
  static constexpr unsigned kMemos = 64;
  static constexpr unsigned kTableMemos = 64;
  struct alignas(32) Memo {
    std::uint64_t key = 0;
    std::uint64_t* used = nullptr;      // the entry's in the first level
    std::uint64_t page_to_content = 0;  // added to an address of the page: where its content lies
  };

  [[nodiscard, gnu::always_inline]] std::uint64_t key_of(VirtAddr address) const {
    return (address.raw() & ~TlbSets::kTagMask) | tag_;
  }
  // An address's place among the memos of that kind of access; the shortest way to compute it.
  [[gnu::always_inline]] Memo& memo_at(VirtAddr address, Access access) {
    constexpr unsigned kShift = 5;
    static_assert(sizeof(Memo) == 1u << kShift);
    const std::uint64_t place = address.raw() >> (kPageShift - kShift) & (kMemos - 1) << kShift;
    auto* const memos = reinterpret_cast<std::byte*>(memos_.data()[index_of(access)].data());
    return *reinterpret_cast<Memo*>(memos + place);
  }

  struct Cache {
    TlbSets sets;
    unsigned shift = 0;  // log2 of the bytes of a leaf
    [[nodiscard]] std::uint64_t key_of(VirtAddr address, std::uint64_t tag) const {
      return address.raw() >> shift << TlbSets::kTagBits | tag;
    }
  };
  // An entry and the cache that it is in.
  struct Found {
    const Cache* cache = nullptr;
    TlbSets::Place place = TlbSets::kNone;
    [[nodiscard]] TlbEntry& entry() const { return cache->sets.at(place); }
    [[nodiscard]] std::uint64_t& used() const { return cache->sets.used(place); }
  };
  template <unsigned kFirst, unsigned kSecond>
  std::byte* search(VirtAddr address, Access access);
  template <unsigned kFirst, unsigned kSecond>
  std::byte* walk(VirtAddr address, Access access);
  [[nodiscard]] TlbSets::Place find(const Cache& cache, VirtAddr address) const;
  [[nodiscard]] Found find_rare(VirtAddr address) const;
  std::byte* hit(const Found& found, VirtAddr address, Access access);
  std::byte* walk_again(VirtAddr address, Access access);
  [[nodiscard]] TableMemo& table_memo(VirtAddr address);
  Found fill_huge(VirtAddr address, const CachedTranslation& translation);
  template <unsigned kWays>
  Found put_first(const Cache& cache, std::uint64_t key, const TlbEntry& entry);
  std::byte* use(const Found& found, VirtAddr address, Access access);
  void drop_page(VirtAddr address);
  void forget(const Found& found);
  void forget_tables();
  template <class Gone>
  void drop_where(Gone gone);

  TlbCounts counts_;
  std::uint64_t tag_ = 1;  // the address space's number and 1
  Pfn root_;
  TlbHitCheck* check_ = nullptr;
  TableWalker& walker_;
  Cache small_, large_, giant_, second_;
  bool empty_ = true;     // nothing was put in since all was flushed
  bool rare_ = false;     // nor, unless this is set, anything but 4 KiB of one address space
  bool tables_ = false;   // since tables were forgotten, some have been remembered
  bool usual_ = false;    // the ways of small_ and second_ are those of most machines
  CpuId cpu_;
  TlbFault fault_;
  std::array<std::array<Memo, kMemos>, kAccessKinds> memos_;
  std::array<TableMemo, kTableMemos> table_memos_;
};

}  // namespace quire
