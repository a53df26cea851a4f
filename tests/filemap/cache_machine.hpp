// A machine with a page cache and a disk, and files on it. The last CPU is the disk's, so that its
// requests end whatever others wait for.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "hosts/sim/sim_file.hpp"
#include "tests/support/counters.hpp"
#include "tests/support/test_machine.hpp"

namespace quire {

inline constexpr std::uint64_t kPage = kPageSize.raw();

class FixedLimits final : public DirtyPolicy {
 public:
  DirtyLimits limits() override { return now; }
  void wake_flusher() override { ++woken; }
  DirtyLimits now{PageCount{1000}, PageCount{500}};
  unsigned woken = 0;
};

// Byte `at` of a file that has not been written to: never 0, so that zeros show.
inline std::byte pattern(std::uint64_t at) {
  return static_cast<std::byte>(1 + (at * 7 + at / kPage * 31) % 255);
}
inline std::vector<std::byte> pattern_bytes(std::uint64_t size) {
  std::vector<std::byte> bytes(size);
  for (std::uint64_t at = 0; at < size; ++at) bytes[at] = pattern(at);
  return bytes;
}

class CacheMachine : public TestMachine {
 public:
  explicit CacheMachine(SimDisk::Model model = {}, SimOptions options = {})
      : TestMachine(Shape::one_zone({.size_mib = 128, .cpus = 4}), std::move(options)),
        disk(host, machine.cpus()[3], model) {
    if (!lru.init(arena_).has_value()) throw std::runtime_error("no lists");
    const Result<KmemCache*> made = PageCache::make_node_cache(machine.slabs());
    if (!made.has_value()) throw std::runtime_error("no cache of nodes");
    nodes = *made;
  }
  [[nodiscard]] std::int64_t count(NodeItem item) { return exact(machine, item); }
  [[nodiscard]] std::uint64_t events(VmEvent event) { return event_count(machine.nodes(), event); }

  Lru lru{{machine.map(), machine.nodes(), machine.pages()}};
  FixedLimits limits;
  PageCache cache{{machine.map(), machine.nodes(), machine.pages(), lru, limits}};
  KmemCache* nodes = nullptr;
  SimDisk disk;

 private:
  Arena arena_{host};
};

// A file of the disk, or one in memory alone, opened once.
struct TestFile {
  TestFile(CacheMachine& owner, std::uint64_t size, bool shmem = false)
      : machine(owner),
        disk_file(owner.disk, pattern_bytes(shmem ? 0 : size)),
        mapping(*owner.nodes, shmem ? nullptr : &disk_file, Bytes{shmem ? 0 : size}),
        file(mapping, {}, "file", nullptr) {
    machine.cache.open(mapping);
  }
  ~TestFile() { machine.cache.evict(mapping); }

  struct Part {
    std::uint64_t offset;
    std::uint64_t length;
  };
  Result<std::vector<std::byte>> read(const Part& part) {
    std::vector<std::byte> bytes(part.length);
    QUIRE_TRY_ASSIGN(done, machine.cache.read(file, {Bytes{part.offset}, bytes}));
    bytes.resize(done.raw());
    return bytes;
  }
  Result<Bytes> write(std::uint64_t offset, const std::vector<std::byte>& bytes) {
    return machine.cache.write(file, {Bytes{offset}, bytes});
  }
  // One byte, as a program does that looks at a page here and there.
  bool touch(std::uint64_t page) { return read({page * kPage, 1}).has_value(); }
  [[nodiscard]] bool cached(std::uint64_t page) { return mapping.has(page); }
  // What the disk was asked to read, as "first+count" in order; forgets it.
  std::string reads() {
    std::string text;
    for (const SimFile::Request& request : disk_file.requests)
      if (!request.write)
        text += (text.empty() ? "" : " ") + std::to_string(request.first) + "+" +
                std::to_string(request.count);
    disk_file.requests.clear();
    return text;
  }

  CacheMachine& machine;
  SimFile disk_file;
  Mapping mapping;
  File file;
};

}  // namespace quire
