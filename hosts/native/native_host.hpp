// The native host: a machine inside this process, on its real threads and real memory.
//
//   NativeHost host({.log = [](std::string_view line) { std::cerr << line << '\n'; }});
//   ... boot a machine on it, then let threads claim its CPUs: hosts/native/cpu_pool.hpp ...
//
// Ownership  Tables and frames live as long as the host: it must outlive its machines.
// Locking    Any thread may call. The log callback is called by one thread at a time and must not
//            call into a machine.
// Errors     kNoMemory when the process may not have the address space, with a line in the log that
//            says how much was asked for.
// Cost       Address space is reserved, memory only taken when touched. A node of the machine is
//            placed on the real node of that number where there is one (a preference, by mbind).
#pragma once

#include <array>
#include <chrono>
#include <mutex>

#include "host/host.hpp"
#include "hosts/common/mappings.hpp"
#include "hosts/common/reports.hpp"

namespace quire {

struct NativeOptions {
  TextCallback log = {};       // a line of the machine's log; none: dropped
  TextCallback on_panic = {};  // sees the report before stderr does; may leave instead of returning
};

class NativeHost final : public Host {
 public:
  explicit NativeHost(NativeOptions options = {});

  Result<std::byte*> reserve_tables(Bytes size, NodeId node) override;
  Result<std::byte*> reserve_frames(PageCount frames) override;
  Result<void> map_frames(std::byte* at, PfnRange frames, NodeId node) override;
  void log(std::string_view line) override;
  [[noreturn]] void panic(std::string_view report) override;
  std::uint64_t now_ns() override;
  void yield() override;
  void barrier_all() override;
  bool name_code(const void* address, TextSink& name) override {
    return write_code_name(address, name);
  }
  std::uint64_t seed() override;  // another each time

  // Address space that its machines have asked for.
  [[nodiscard]] Bytes mapped() const { return mappings_.total(); }

 private:
  Result<std::byte*> map(std::string_view what, Bytes size, NodeId node);

  const NativeOptions options_;
  const std::chrono::steady_clock::time_point start_;
  Mappings mappings_{Mappings::HugePages::kAsTheSystemSays};
  std::mutex log_mutex_;
  const bool has_membarrier_;
  std::mutex barrier_mutex_;
  alignas(kPageSize.raw()) std::array<char, kPageSize.raw()> barrier_page_{};
};

}  // namespace quire
