// A host that passes every call on to another one: what a host that changes one of them derives
// from.
//
// Ownership  Borrows the host it wraps.
#pragma once

#include <cstdlib>

#include "host/host.hpp"

namespace quire {

class ForwardingHost : public Host {
 public:
  Result<std::byte*> reserve_tables(Bytes size, NodeId node) override {
    return wrapped_.reserve_tables(size, node);
  }
  Result<std::byte*> reserve_frames(PageCount frames) override {
    return wrapped_.reserve_frames(frames);
  }
  Result<void> map_frames(std::byte* at, PfnRange frames, NodeId node) override {
    return wrapped_.map_frames(at, frames, node);
  }
  void log(std::string_view line) override { wrapped_.log(line); }
  [[noreturn]] void panic(std::string_view report) override {
    wrapped_.panic(report);
    std::abort();  // GCC does not see that a virtual function does not return
  }
  std::uint64_t now_ns() override { return wrapped_.now_ns(); }
  void yield() override { wrapped_.yield(); }
  void barrier_all() override { wrapped_.barrier_all(); }
  bool name_code(const void* address, TextSink& name) override {
    return wrapped_.name_code(address, name);
  }
  std::uint64_t seed() override { return wrapped_.seed(); }

 protected:
  explicit ForwardingHost(Host& wrapped) : wrapped_(wrapped) {}

 private:
  Host& wrapped_;
};

}  // namespace quire
