// The least host that a boot needs: memory from the heap, the log kept line by line.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "boot/boot.hpp"
#include "host/host.hpp"

namespace quire::test {

class PlainHost final : public Host {
 public:
  PlainHost() = default;
  PlainHost(const PlainHost&) = delete;
  PlainHost& operator=(const PlainHost&) = delete;
  ~PlainHost() {
    for (std::byte* memory : memory_) std::free(memory);
  }

  Result<std::byte*> reserve_tables(Bytes size, NodeId) override {
    if (reservations_left == 0) return Errno::kNoMemory;
    --reservations_left;
    const std::size_t bytes = size_of(pages_to_hold(size)).raw();
    auto* const memory = static_cast<std::byte*>(std::aligned_alloc(kPageSize.raw(), bytes));
    std::memset(memory, 0, bytes);
    memory_.push_back(memory);
    return memory;
  }
  Result<std::byte*> reserve_frames(PageCount) override { return nullptr; }
  Result<void> map_frames(std::byte*, PfnRange, NodeId) override { return {}; }
  void log(std::string_view line) override { lines.emplace_back(line); }
  [[noreturn]] void panic(std::string_view) override { std::abort(); }
  std::uint64_t now_ns() override { return 0; }
  void yield() override {}
  void barrier_all() override {}

  [[nodiscard]] bool logged(std::string_view line) const {
    return std::find(lines.begin(), lines.end(), line) != lines.end();
  }

  std::vector<std::string> lines;
  std::size_t reservations_left = ~std::size_t{0};  // then reserve_tables fails

 private:
  std::vector<std::byte*> memory_;
};

// An address or page number as tests write it; two of them make a range.
struct Place {
  constexpr Place(std::uint64_t number) : raw(number) {}
  std::uint64_t raw;
};

constexpr PhysAddr at(Place address) { return PhysAddr{address.raw}; }
constexpr PhysRange bytes(Place start, Place end) { return {at(start), at(end)}; }
constexpr PfnRange pages(Place start, Place end) { return {Pfn{start.raw}, Pfn{end.raw}}; }
constexpr FirmwareRange usable(Place start, Place end) {
  return {bytes(start, end), FirmwareType::kUsable};
}
constexpr std::uint64_t kMiB = 1 << 20;
constexpr std::uint64_t kGiB = 1 << 30;
constexpr std::uint64_t kTiB = kGiB << 10;

}  // namespace quire::test
