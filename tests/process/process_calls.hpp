// Processes of a machine, as tests use them: made, forked, and their memory touched, read and
// written. The caller runs on a CPU of the machine.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "machine/machine.hpp"
#include "mm/mm.hpp"

namespace quire {

class ProcessCalls {
 public:
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

  ProcessFloor* floor = nullptr;
};

}  // namespace quire
