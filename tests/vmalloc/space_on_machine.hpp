// vmalloc on a small machine, and what tests ask of it.
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "tests/support/small_machine.hpp"
#include "tests/support/test_machine.hpp"
#include "stack/stack.hpp"
#include "vmalloc/vmalloc.hpp"

namespace quire {

class SpaceOnMachine {
 public:
  explicit SpaceOnMachine(const Shape& shape = Shape::one_zone({64, 2}))
      : machine(shape),
        layout(make_address_space(shape.arch, {machine.machine.map().end(),
                                               machine.machine.map().end()})),
        frames(machine.machine.map()),
        tables({*layout.format, frames, flushes}),
        space(parts(shape)),
        stacks({machine.machine.map(), machine.machine.nodes(), machine.pages(), space}) {
    if (!stacks.init(machine.machine.nodes().percpu_areas()).has_value())
      throw std::runtime_error("no room for stacks");
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

  // EXPECT_TRUE(on.balanced())
  [[nodiscard]] testing::AssertionResult balanced() {
    const char* const fault = space.fault();
    if (fault != nullptr) return testing::AssertionFailure() << fault;
    return audited(machine.machine);
  }

  struct CountedFlushes final : FlushSink {
    void flush(const Gone&) override { ++count; }
    void root_changed(const PageTables&, VirtAddr) override {}
    unsigned count = 0;
  };

  TestMachine machine;
  AddressSpace layout;
  TableFrames frames;
  CountedFlushes flushes;
  PageTables tables;
  VmallocSpace space;
  Stacks stacks;

 private:
  VmallocSpace::Parts parts(const Shape& shape) {
    Machine& m = machine.machine;
    frames.attach(machine.pages());
    const auto records =
        m.slabs().create({.name = "vmap_area", .shape = {.size = sizeof(VmapArea)}});
    if (!tables.make_root().has_value() || !records.has_value())
      throw std::runtime_error("no room for tables");
    return {m.host(), m.map(), m.nodes(), m.pages(), tables, layout, **records, m.kmalloc(),
            shape.profile.panic_on_warn};
  }
};

}  // namespace quire
