// A machine whose processes tests run: on one CPU unless they say so, with content in its frames.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>

#include "mm/mm.hpp"
#include "tests/support/test_machine.hpp"

namespace quire {

class ProcessMachine : public TestMachine {
 public:
  explicit ProcessMachine(Shape shape = default_shape()) : TestMachine(with_content(shape)) {
    const auto made = machine.processes();
    if (!made.has_value()) throw std::runtime_error("no memory for processes");
    floor = *made;
  }

  Process& create(std::string_view name) {
    static constexpr Segment kSegments[] = {
        {{VirtAddr{0x400000}, VirtAddr{0x402000}}, VmFlags::kRead | VmFlags::kExec},
        {{VirtAddr{0x403000}, VirtAddr{0x404000}}, VmFlags::kRead | VmFlags::kWrite}};
    return **floor->processes().create({name, kSegments});
  }
  Process& fork(Process& parent) { return **floor->processes().fork(parent); }
  void exit(Process& process) { floor->processes().exit(process); }

  // Anonymous, private, readable and writable.
  VirtAddr map(Process& process, std::uint64_t pages) {
    MmapRequest request;
    request.length = size_of(PageCount{pages});
    request.prot = prot::kRead | prot::kWrite;
    request.flags = map::kPrivate | map::kAnonymous;
    return *do_mmap(floor->caller(process), request);
  }

  FaultEnd try_touch(Process& process, VirtAddr at, Access access) {
    floor->processes().run(process);
    const auto touched = floor->memory().touch(process, at, access);
    return touched.has_value() ? FaultEnd::kMinor : process.last_end;
  }
  void touch(Process& process, VirtAddr at, Access access) {
    EXPECT_EQ(try_touch(process, at, access), FaultEnd::kMinor);
  }
  void write(Process& process, VirtAddr to, std::string_view text) {
    floor->processes().run(process);
    EXPECT_TRUE(floor->memory().write(process, to, std::as_bytes(std::span(text))).has_value());
  }
  std::string read(Process& process, VirtAddr from, std::size_t size) {
    floor->processes().run(process);
    std::string text(size, '?');
    const auto bytes = std::as_writable_bytes(std::span(text));
    EXPECT_TRUE(floor->memory().read(process, from, bytes).has_value());
    return text;
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

  ProcessFloor* floor = nullptr;

 private:
  static Shape with_content(Shape shape) {
    shape.profile.frame_content = true;
    return shape;
  }
};

}  // namespace quire
