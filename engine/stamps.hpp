// What each virtual page must hold: the most obvious model of memory, by which every read is
// checked. The first eight bytes of a page are its stamp; each write gives it a new one.
//
//   private page     what the process wrote there last, or had when it was forked
//   never written    zeros, or what the file holds there
//   shared page      what any of its users wrote last, by file and index
//
// Locking  One OS thread. Called where the engine has done what the model then follows.
// Errors   A page that does not hold what it must is told in a sentence; the caller stops the run.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "base/base.hpp"
#include "filemap/filemap.hpp"
#include "vma/vma.hpp"

namespace quire {

// Of private pages that were written, by page number.
using StampMap = std::map<std::uint64_t, std::uint64_t>;

class SharedStamps {
 public:
  // A page as the model has it: `at` lies in `vma`, of the process that has `own`.
  struct Place {
    const Vma& vma;
    StampMap& own;
    VirtAddr at;
  };
  // After a write to `place`: its new stamp, for the page.
  std::uint64_t write(const Place& place);
  // What `place` must hold; none: nothing is said of it (the end of a file lies in it).
  [[nodiscard]] std::optional<std::uint64_t> expected(const Place& place) const;

  // The same for page `index` of a file.
  std::uint64_t write(Mapping& mapping, std::uint64_t index);
  [[nodiscard]] std::uint64_t expected(Mapping& mapping, std::uint64_t index) const;
  // `mapping` is new and holds zeros, or is of this size from now on.
  void forget(Mapping& mapping);
  void resized(Mapping& mapping, Bytes size);

 private:
  using Key = std::pair<const Mapping*, std::uint64_t>;

  std::map<Key, std::uint64_t> shared_;
  std::uint64_t last_ = 0;
};

// Changes of address spaces: what was in `range` is gone; or has moved to `to`.
void forget(StampMap& own, VirtRange range);
void move(StampMap& own, VirtRange range, VirtAddr to);
// A child's, of its parent's: without what it did not get.
StampMap forked(const StampMap& own, const Mm& child);

}  // namespace quire
