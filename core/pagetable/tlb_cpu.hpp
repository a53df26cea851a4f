// The translation caches of one modelled CPU: 4 KiB translations in two levels, one each for large
// (2 or 4 MiB) and giant (1 GiB) leaves, tagged by address space, replaced by least use. What a
// program or the kernel touches goes through translate().
//
// Memos    So that a hit costs little whatever it hits, recent hits are remembered by page and kind
//          of access, with where the content lies. A memo stands for an entry of the first level
//          and goes with it, so that hits and replacement are those of the hardware described.
// Counts   accesses = hits in the first level + hits in the second + walks.
// Locking  The CPU's own; another CPU flushes it while its own is stopped or runs on the same
//          thread (sim).
// Cost     translate(), hit: 15 instructions inline. A walk costs what the walker does.
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
  // How many entries the caches of `spec` have in all.
  static std::size_t entries_of(const TlbSpec& spec);
  // kInvalid: the entries of a cache are not 2^n sets.
  static Result<void> validate(const TlbSpec& spec);
  // `entries` are as many as entries_of() says, all empty. The spec is valid.
  CpuTlb(const Parts& parts, std::span<TlbEntry> entries);

  // Where the content of `address` lies, to be touched that way up to the end of its page. Null:
  // a page fault, which last_fault() tells.
  template <Access kAccess>
  [[nodiscard, gnu::always_inline]] std::byte* translate(VirtAddr address) {
    return translate(address, kAccess);
  }
  [[nodiscard, gnu::always_inline]] std::byte* translate(VirtAddr address, Access access) {
    const Memo& memo = memo_at(address, access);
    if (memo.key != key_of(address)) [[unlikely]] return translate_slowly(address, access);
    memo.entry->used = ++counts_.accesses;
    return reinterpret_cast<std::byte*>(memo.page_to_content + address.raw());
  }
  [[gnu::noinline]] std::byte* translate_slowly(VirtAddr address, Access access);
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
    for (const TlbSets* sets : {&small_, &large_, &giant_, &second_})
      for (const TlbEntry& entry : sets->all())
        if (entry.key != 0 && (entry.global != 0 || (entry.key & TlbSets::kTagMask) == tag_))
          visit(VirtAddr{entry.key & ~TlbSets::kTagMask}, entry.translation());
  }

 private:
  static constexpr unsigned kMemos = 64;
  struct alignas(32) Memo {
    std::uint64_t key = 0;
    TlbEntry* entry = nullptr;
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

  [[nodiscard]] TlbEntry* find_first(std::uint64_t key) const;
  TlbEntry* find_second(std::uint64_t key);
  TlbEntry& fill(std::uint64_t key, const CachedTranslation& translation);
  TlbEntry& put(const TlbSets& sets, TlbEntry entry);
  std::byte* use(TlbEntry& entry, VirtAddr address, Access access);
  void drop_page(std::uint64_t key);
  void forget(const TlbEntry& entry);
  void drop_where(bool (*gone)(const TlbEntry& entry, std::uint64_t tag));

  TlbCounts counts_;
  std::uint64_t tag_ = 1;  // the address space's number and 1
  Pfn root_;
  TlbHitCheck* check_ = nullptr;
  TableWalker& walker_;
  TlbSets small_, large_, giant_, second_;
  bool empty_ = true;  // nothing was put in since all was flushed
  bool huge_ = false;  // nor, unless this is set, anything but 4 KiB
  CpuId cpu_;
  TlbFault fault_;
  std::array<std::array<Memo, kMemos>, kAccessKinds> memos_;
};

}  // namespace quire
