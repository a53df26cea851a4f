// Tracepoints: who listens is told, in Linux's words; whole recorded traces are compared in
// tests/oracle.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/test_machine.hpp"

namespace quire {
namespace {

class Listener final : public TraceSink {
 public:
  void event(const TraceEvent& event) override {
    StringSink sink;
    {
      Text text(sink);
      print(text, event);
    }
    lines.push_back(sink.text);
  }
  std::vector<std::string> take() { return std::exchange(lines, {}); }
  std::vector<std::string> lines;
};

class Trace : public testing::Test {
 protected:
  void TearDown() override { EXPECT_TRUE(audited(machine_.machine)); }
  [[nodiscard]] std::string name_of(const Page* page) {
    StringSink sink;
    {
      Text text(sink);
      const Pfn pfn = machine_.machine.map().pfn_of(*page);
      text.str("page=").hex(structure_address(pfn, ArchProfile::kX86_64)).str(" pfn=0x");
      text.hex(pfn.raw());
    }
    return sink.text;
  }

  TestMachine machine_{Shape::one_zone({64, 1})};
  Listener listener_;
};

TEST_F(Trace, APageOfTheShortestPathIsToldToWhoListens) {
  machine_.free(machine_.alloc(Gfp::kKernel, 0), 0);
  machine_.pages().listen(&listener_);
  Page* const page = machine_.alloc(Gfp::kKernel | Gfp::kZero, 0);
  EXPECT_EQ(listener_.take(),
            std::vector{"mm_page_alloc: " + name_of(page) +
                        " order=0 migratetype=0 gfp_flags=GFP_KERNEL|__GFP_ZERO"});
  machine_.free(page, 0);
  EXPECT_EQ(listener_.take(), std::vector{"mm_page_free: " + name_of(page) + " order=0"});
}

TEST_F(Trace, NobodyIsToldAnyMoreOnceNobodyListens) {
  machine_.pages().listen(&listener_);
  Page* const first = machine_.alloc(Gfp::kKernel, 0);
  machine_.pages().listen(nullptr);
  listener_.take();
  machine_.free(first, 0);
  Page* const again = machine_.alloc(Gfp::kKernel, 0);
  EXPECT_EQ(again, first);
  machine_.free(machine_.alloc(Gfp::kKernel, 5), 5);
  EXPECT_TRUE(listener_.lines.empty());
}

TEST_F(Trace, ListeningChangesNoAnswer) {
  const auto pfns = [](bool listen) {
    TestMachine machine(Shape::one_zone({64, 1}));
    Listener listener;
    if (listen) machine.pages().listen(&listener);
    std::vector<std::uint64_t> answers;
    std::vector<Page*> held;
    for (unsigned i = 0; i < 3000; ++i) {
      if (i % 3 != 2) {
        held.push_back(machine.alloc(Gfp::kKernel, 0));
        answers.push_back(machine.pfn(held.back()));
      } else {
        machine.free(held[held.size() / 2], 0);
        held.erase(held.begin() + static_cast<std::ptrdiff_t>(held.size() / 2));
      }
    }
    return answers;
  };
  EXPECT_EQ(pfns(true), pfns(false));
}

TEST_F(Trace, ARequestThatFailsIsToldWithoutAPage) {
  machine_.pages().listen(&listener_);
  EXPECT_EQ(machine_.pages().allocate_from(0b10, Gfp::kNoWait, Order{3}, node_id(0)), nullptr);
  EXPECT_EQ(listener_.take(),
            std::vector<std::string>{"mm_page_alloc: page=0000000000000000 pfn=0x0 order=3 "
                                     "migratetype=0 gfp_flags=GFP_NOWAIT"});
}

TEST_F(Trace, ALineBeginsWithTaskCpuAndTime) {
  machine_.host.run_for(3'105'776'999);
  Task task;
  task.pid = 107;
  task.set_name("cat");
  CpuContext cpu = machine_.machine.cpus()[0];
  cpu.cpu = cpu_id(1);
  const auto prefix = [&cpu] {
    StringSink sink;
    {
      Text text(sink);
      print_trace_prefix(text, cpu);
    }
    return sink.text;
  };
  EXPECT_EQ(prefix(), "          <idle>-0       [001] .....     3.105776: ");
  cpu.task = &task;
  EXPECT_EQ(prefix(), "             cat-107     [001] .....     3.105776: ");
}

}  // namespace
}  // namespace quire
