// CPUs with modelled translation caches over naive tables, and every hit checked.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "hosts/sim/sim_host.hpp"
#include "tests/support/audited.hpp"
#include "tests/support/cpu_contexts.hpp"
#include "tests/tlb/naive_tables.hpp"

namespace quire {

inline constexpr VirtAddr kPage{0x400000};
inline constexpr VirtAddr kKernelPage = NaiveTables::kKernel + mib(16);

class TlbWorld {
 public:
  static constexpr unsigned kFrames = 200;

  explicit TlbWorld(unsigned cpus, const TlbSpec& spec = {})
      : contexts(host, cpus), percpu_(cpus), tables(kFrames), arena_(host),
        checker({host, tlb, tables, NaiveTables::kKernel}) {
    for (unsigned i = 0; i < cpus; ++i)
      contexts[i].percpu = reinterpret_cast<std::byte*>(&percpu_[i]);
    // Tests that break something may throw; a constructor that fails is a bug of the test.
    EXPECT_TRUE(model.init(arena_, {tlb, tables, contexts.all(), 21}, spec).has_value());
    EXPECT_TRUE(tlb.init(arena_, model, contexts.all(), Pfn{0}).has_value());
    model.set_check(&checker);
    run_on(0);
  }
  ~TlbWorld() { Arch::set_current(nullptr); }
  TlbWorld(const TlbWorld&) = delete;
  TlbWorld& operator=(const TlbWorld&) = delete;

  void run_on(unsigned cpu) { Arch::set_current(&contexts[cpu]); }
  [[nodiscard]] CpuTlb& cpu(unsigned number) {
    return model.cpu(CpuId{static_cast<std::uint16_t>(number)});
  }
  // An address space; its root is a frame that the tables know it by.
  TlbMm& make_mm() {
    std::vector<CpuMask::Word>& words = masks_.emplace_back(CpuMask::words_for(size()));
    return *mms_.emplace_back(
        std::make_unique<TlbMm>(Pfn{1000 + mms_.size()}, tlb.new_id(), words));
  }
  TlbBatch make_batch() {
    return TlbBatch(masks_.emplace_back(CpuMask::words_for(size())));
  }
  [[nodiscard]] unsigned size() { return static_cast<unsigned>(contexts.all().size()); }

  std::byte* read(VirtAddr at) { return model.here().translate<Access::kUserRead>(at); }
  std::byte* write(VirtAddr at) { return model.here().translate<Access::kUserWrite>(at); }
  [[nodiscard]] std::uint64_t count(VmEvent event) const {
    std::uint64_t sum = 0;
    for (const PerCpuEvents& area : percpu_) sum += area.counts[index_of(event)].read();
    return sum;
  }
  [[nodiscard]] std::uint64_t count_on(unsigned cpu, VmEvent event) const {
    return percpu_[cpu].counts[index_of(event)].read();
  }
  testing::AssertionResult audited() {
    StringSink sink;
    {
      Text text(sink);
      if (checker.audit(model, text).has_value()) return testing::AssertionSuccess();
    }
    return testing::AssertionFailure() << sink.text;
  }

  SimHost host;
  CpuContexts contexts;

 private:
  std::vector<PerCpuEvents> percpu_;

 public:
  NaiveTables tables;

 private:
  Arena arena_;

 public:
  Tlb tlb;
  TlbModel model;
  TlbChecker checker;

 private:
  std::deque<std::vector<CpuMask::Word>> masks_;
  std::vector<std::unique_ptr<TlbMm>> mms_;
};

}  // namespace quire
