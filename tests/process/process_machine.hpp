// A machine whose processes tests run: on one CPU unless they say so, with content in its frames.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>

#include "mm/mm.hpp"
#include "tests/process/process_calls.hpp"
#include "tests/support/test_machine.hpp"

namespace quire {

class ProcessMachine : public TestMachine, public ProcessCalls {
 public:
  explicit ProcessMachine(Shape shape = default_shape(), SimOptions options = {})
      : TestMachine(with_content(shape), std::move(options)) {
    const auto made = machine.processes();
    if (!made.has_value()) throw std::runtime_error("no memory for processes");
    floor = *made;
  }

  Pfn frame(Process& process, VirtAddr at) { return process.mm->tables.walk(at)->frame; }

  // Pages that are neither free nor kept by CPUs, batches emptied.
  std::uint64_t used_pages() {
    floor->lru().drain_all();
    machine.slabs().shrink_all();
    pages().drain_all();
    std::uint64_t used = 0;
    machine.nodes().for_each_populated([&](const Zone& zone) {
      used += zone.managed_pages() -
              static_cast<std::uint64_t>(
                  zone_state_snapshot(machine.nodes(), zone, ZoneItem::kNrFreePages));
    });
    return used;
  }
  static Shape default_shape() { return Shape::one_zone({.size_mib = 64}); }

 private:
  static Shape with_content(Shape shape) {
    shape.profile.frame_content = true;
    return shape;
  }
};

}  // namespace quire
