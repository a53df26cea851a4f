// vmalloc on a small machine, and what tests ask of it.
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "tests/support/small_machine.hpp"
#include "tests/support/test_machine.hpp"
#include "vmalloc/vmalloc.hpp"

namespace quire {

class SpaceOnMachine {
 public:
  explicit SpaceOnMachine(const Shape& shape = Shape::one_zone({64, 2}))
      : machine(shape),
        tables(machine.machine.kernel_tables().tables()),
        space(machine.machine.vmalloc()) {
    machine.machine.kernel_tables().set_flush_sink(flushes);
  }

  [[nodiscard]] std::vector<Page*> pages_of(VirtAddr at, std::uint64_t count) const {
    std::vector<Page*> pages;
    for (std::uint64_t i = 0; i < count; ++i)
      pages.push_back(space.to_page(at + size_of(PageCount{i})));
    return pages;
  }
  [[nodiscard]] std::string read(VirtAddr at, std::size_t length) const {
    std::string text(length, '?');
    (void)space.read(at, std::as_writable_bytes(std::span(text)));
    return text;
  }
  void write(VirtAddr at, std::string_view text) {
    EXPECT_EQ(space.write(at, std::as_bytes(std::span(text))), Bytes{text.size()});
  }
  // Pages free when nothing is kept back anywhere.
  [[nodiscard]] std::uint64_t free_now() {
    space.purge();
    return free_pages(machine.machine);
  }

  [[nodiscard]] testing::AssertionResult balanced() { return audited(machine.machine); }
  [[nodiscard]] std::string file(std::string_view path) {
    StringSink sink;
    EXPECT_TRUE(machine.machine.proc().read(path, sink).has_value());
    return sink.text;
  }

  struct CountedFlushes final : FlushSink {
    void flush(const Gone&) override { ++count; }
    void root_changed(const PageTables&, VirtAddr) override {}
    unsigned count = 0;
  };

  TestMachine machine;
  CountedFlushes flushes;
  PageTables& tables;
  VmallocSpace& space;
};

}  // namespace quire
