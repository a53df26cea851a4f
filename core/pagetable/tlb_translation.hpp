// What page tables say of an address, as a CPU caches it, and how it asks them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/base.hpp"
#include "pagetable/format.hpp"

namespace quire {

// How memory is touched: by the kernel, or by a program (kUser...).
enum class Access : std::uint8_t { kRead, kWrite, kExecute, kUserRead, kUserWrite, kUserExecute };
inline constexpr unsigned kAccessKinds = 6;
constexpr unsigned index_of(Access access) { return static_cast<unsigned>(access); }
constexpr bool is_write(Access access) {
  return access == Access::kWrite || access == Access::kUserWrite;
}
constexpr bool is_user(Access access) { return access >= Access::kUserRead; }

struct PagePermissions {
  bool write = false;
  bool user = false;
  bool execute = false;
};

class AccessSet {
 public:
  constexpr AccessSet() = default;
  constexpr explicit AccessSet(std::uint8_t bits) : bits_(bits) {}
  // What is mapped may be read by the kernel, and by programs if it is theirs; the kernel does not
  // execute what is theirs (SMEP), and what it may not write it does not (CR0.WP).
  static constexpr AccessSet of(PagePermissions page) {
    AccessSet set = AccessSet{}.with(Access::kRead);
    if (page.write) set = set.with(Access::kWrite);
    if (page.user) set = set.with(Access::kUserRead);
    if (page.user && page.write) set = set.with(Access::kUserWrite);
    if (page.execute) set = set.with(page.user ? Access::kUserExecute : Access::kExecute);
    return set;
  }

  [[nodiscard]] constexpr std::uint8_t bits() const { return bits_; }
  [[nodiscard]] constexpr bool has(Access access) const {
    return (bits_ >> index_of(access) & 1) != 0;
  }
  [[nodiscard]] constexpr AccessSet with(Access access) const {
    return AccessSet{static_cast<std::uint8_t>(bits_ | 1u << index_of(access))};
  }
  [[nodiscard]] constexpr AccessSet without_writes() const {
    const AccessSet writes = AccessSet{}.with(Access::kWrite).with(Access::kUserWrite);
    return AccessSet{static_cast<std::uint8_t>(bits_ & ~writes.bits_)};
  }
  constexpr bool operator==(const AccessSet&) const = default;

 private:
  std::uint8_t bits_ = 0;
};

// One leaf of the tables.
struct CachedTranslation {
  Pfn frame;                        // the first of the leaf
  std::uint8_t shift = kPageShift;  // log2 of the bytes it maps: 12; 21, or 22 with two levels; 30
  bool global = false;              // the same in every address space
  bool dirty = false;
  AccessSet allows;                 // by the permission bits of all levels

  // What may be done without looking at the tables again: a write must leave its dirty bit there.
  [[nodiscard]] constexpr AccessSet allows_now() const {
    return dirty ? allows : allows.without_writes();
  }
  [[nodiscard]] constexpr Pfn frame_of(VirtAddr address) const {
    const std::uint64_t within = address.raw() & ((std::uint64_t{1} << shift) - 1);
    return frame + PageCount{within >> kPageShift};
  }
  constexpr bool operator==(const CachedTranslation&) const = default;
};

// What a CPU remembers of the way down to a table of 4 KiB leaves (its paging-structure cache): a
// walk begins there. It has to be forgotten with any flush.
struct TableMemo {
  std::uint64_t key = 0;       // the CPU's: the addresses and the address space that it is of
  std::byte* table = nullptr;  // null: nothing is remembered
  Prot rights{};               // that the entries above leave
  Prot denied{};
};

// The tables, as a CPU uses them. `root` is the frame of the top table (CR3).
class TableWalker {
 public:
  // A CPU's walk: sets the accessed bits on the way, and the leaf's dirty bit for a write that is
  // allowed. None: nothing is mapped there. `memo` is of `address`: used, or filled in.
  virtual std::optional<CachedTranslation> walk(Pfn root, VirtAddr address, Access access,
                                                TableMemo& memo) = 0;
  // The same, changing nothing.
  [[nodiscard]] virtual std::optional<CachedTranslation> look(Pfn root, VirtAddr address) const = 0;
  // Where the content of a frame lies; null for a frame that is not RAM.
  [[nodiscard]] virtual std::byte* content(Pfn frame) const = 0;

 protected:
  ~TableWalker() = default;
};

}  // namespace quire
