// What each virtual page must hold: the most obvious model of memory, by which every
// access is checked. The first eight bytes of a page are its stamp; each write gives it a new one.
//
//   private page     what the process wrote there last, or had when it was forked
//   never written    zeros, or what the file holds there
//   shared page      what any of its users wrote last, by file and index
//   any              nothing is said of it: only some of those bytes were written, or the file ends
//                    among them; or nobody can say what came first
//
// Calls on files take their time, and what others do to the same file meanwhile comes before or
// after any part of them. So a page has candidates: all that it may hold. They become one when a
// call ends that was alone and did all it was to do, or when a read that nothing overlaps says
// which. Copies of pages that are cut off go with them at some time of the cut, and one that is
// written meanwhile may go or stay.
//
// Locking  One OS thread. Called where the engine has done what the model then follows.
// Errors   A page that does not hold what it must is told in a sentence; the caller stops the run.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/base.hpp"
#include "filemap/filemap.hpp"
#include "vma/vma.hpp"

namespace quire {

using Stamp = std::optional<std::uint64_t>;  // none: any

// Of private pages that were written, by page number.
using StampMap = std::map<std::uint64_t, Stamp>;

class SharedStamps {
 public:
  // A page as the model has it: `at` lies in `vma`, of the process that has `own`.
  struct Place {
    const Vma& vma;
    StampMap& own;
    VirtAddr at;
  };
  // While it lives a call on `mapping`'s file is under way.
  class Call {
   public:
    Call(SharedStamps& stamps, Mapping& mapping) : stamps_(stamps), mapping_(mapping) {
      stamps_.begin(mapping_);
    }
    ~Call() { stamps_.end(mapping_); }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;
    // Some of what the model was told has not been done.
    void fell_short() { overlap(); }
    // It cuts the file to `size`: told before.
    void cut(Bytes size) { stamps_.cut(mapping_, size); }
    // Whether nothing has come between so far.
    [[nodiscard]] bool alone() const { return !stamps_.under_way_.at(&mapping_).overlapped; }

   private:
    void overlap() { stamps_.under_way_.at(&mapping_).overlapped = true; }

    SharedStamps& stamps_;
    Mapping& mapping_;
  };

  // After a write to `place`: its new stamp, for the page.
  std::uint64_t write(const Place& place);
  // Whether `place` may hold `found`; if not, what it must.
  struct Answer {
    bool right;
    std::uint64_t wanted;
  };
  Answer ask(const Place& place, std::uint64_t found);

  // The same for a page of a file; or it may hold any.
  struct FilePage {
    Mapping& mapping;
    std::uint64_t index;
  };
  std::uint64_t write(const FilePage& page);
  Answer ask(const FilePage& page, std::uint64_t found);
  void lose(const FilePage& page) { add(page, std::nullopt); }
  // `mapping` is new and holds zeros.
  void forget(Mapping& mapping);

 private:
  using Key = std::pair<const Mapping*, std::uint64_t>;
  static constexpr std::uint64_t kNothing = ~std::uint64_t{0};
  static constexpr std::size_t kMost = 1024;  // candidates; with more it may hold any
  struct UnderWay {
    unsigned calls = 0;
    bool overlapped = false;
    std::uint64_t cut_from = kNothing;   // pages from here on are being cut off
    std::vector<std::uint64_t> changed;  // pages that have candidates since
  };

  void begin(Mapping& mapping);
  void end(Mapping& mapping);
  void cut(Mapping& mapping, Bytes size);
  std::uint64_t write_private(const Place& place);
  void add(const FilePage& page, Stamp stamp);
  [[nodiscard]] static std::uint64_t first(const FilePage& page);

  std::map<Key, std::vector<Stamp>> shared_;  // candidates, the newest last
  std::map<const Mapping*, UnderWay> under_way_;
  std::uint64_t last_ = 0;
};

// Changes of address spaces: what was in `range` is gone; or has moved to `to`.
void forget(StampMap& own, VirtRange range);
void move(StampMap& own, VirtRange range, VirtAddr to);
// A child's, of its parent's: without what it did not get.
StampMap forked(const StampMap& own, const Mm& child);

}  // namespace quire
