// The host of the machine behind malloc(): this process, reached through system calls alone, since
// nothing that a host does here may allocate. The native host without the C++ library.
//
// Ownership  What is mapped stays until the process ends.
// Errors     kNoMemory when the process may not have the address space.
#pragma once

#include "host/host.hpp"

namespace quire::preload {

// Takes `text` to standard error, whole or not at all.
void print_error(std::string_view text);

class ProcessHost final : public Host {
 public:
  Result<std::byte*> reserve_tables(Bytes size, NodeId node) override;
  Result<std::byte*> reserve_frames(PageCount frames) override;
  Result<void> map_frames(std::byte* at, PfnRange frames, NodeId node) override;
  // The boot is silent; what is said later is about a caller's error.
  void log(std::string_view line) override;
  [[noreturn]] void panic(std::string_view report) override;
  std::uint64_t now_ns() override;
  void yield() override;
  void barrier_all() override;

  void boot_is_over() { silent_ = false; }

 private:
  bool silent_ = true;
};

}  // namespace quire::preload
