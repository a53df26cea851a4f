// Page tables on a small machine, in every format, and what they told whoever caches translations.
#pragma once

#include <memory>
#include <vector>

#include "pagetable/pagetable.hpp"
#include "tests/pagetable/naive_walker.hpp"
#include "tests/support/test_machine.hpp"

namespace quire::test {

struct RecordedFlushes final : FlushSink {
  struct Flush {
    VirtRange range;
    PageLevel stride;
    bool tables_too;
  };
  void flush(const Gone& gone) override {
    flushes.push_back({gone.range, gone.stride, gone.tables_too});
  }
  void root_changed(const PageTables&, VirtAddr at) override { roots.push_back(at); }

  std::vector<Flush> flushes;
  std::vector<VirtAddr> roots;
};

inline const PagingFormat& format_of(unsigned levels) {
  static const PagingFormat* const kFormats[] = {&kTwoLevels, &kThreeLevels, &kFourLevels,
                                                 &kFiveLevels};
  return *kFormats[levels - 2];
}

class TablesOnMachine {
 public:
  explicit TablesOnMachine(unsigned levels, bool user = false)
      : machine(Shape::one_zone({.size_mib = 64})),
        frames(machine.machine.map()),
        walker(machine.machine.map(), levels),
        tables({format_of(levels), frames, flushes, user, &counts}) {
    frames.attach(machine.pages());
    if (!tables.make_root().has_value()) throw std::runtime_error("no root");
  }

  [[nodiscard]] std::vector<NaivePage> pages() { return walker.pages(tables.root_frame()); }
  // Every table counts its entries.
  [[nodiscard]] testing::AssertionResult counts_agree() {
    (void)pages();
    for (const std::uint64_t table : walker.tables()) {
      const auto counted = frames.entries_in_use(frames.at(Pfn{table}));
      if (counted != static_cast<std::int32_t>(walker.entries_of(table)))
        return testing::AssertionFailure() << "table at pfn " << table << " counts " << counted
                                           << " entries and has " << walker.entries_of(table);
    }
    return testing::AssertionSuccess();
  }

  TestMachine machine;
  TableFrames frames;
  RecordedFlushes flushes;
  LeafCounts counts;
  NaiveWalker walker;
  PageTables tables;
};

}  // namespace quire::test
