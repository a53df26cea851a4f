// A file's bytes in this process's memory, behind a disk that takes its time and may fail.
//
// Latency    A request waits for those before it on the same disk, then takes `latency_ns`, and
//            `page_ns` for each of its pages. With neither it is done before the call returns.
//            What is written is what the pages hold when the request is made.
// Failing    Where `fails` says so, every page of the request ends with kIo and no byte moves.
// Ownership  Outlives the machine's use of it; the machine's host is the one it was made with.
#pragma once

#include <functional>
#include <vector>

#include "filemap/filemap.hpp"
#include "hosts/sim/sim_host.hpp"

namespace quire {

class SimDisk {
 public:
  struct Model {
    std::uint64_t latency_ns = 0;
    std::uint64_t page_ns = 0;
  };
  // Requests end on `cpu`.
  SimDisk(SimHost& host, CpuContext& cpu, Model model) : host_(host), cpu_(cpu), model_(model) {}

  // Calls `done` when a request for that many pages would be: now, or by the clock.
  void serve(std::size_t pages, std::function<void()> done);

 private:
  SimHost& host_;
  CpuContext& cpu_;
  const Model model_;
  std::uint64_t busy_until_ns_ = 0;
};

class SimFile final : public BlockFile {
 public:
  struct Request {
    bool write;
    std::uint64_t first;
    std::size_t count;
  };

  explicit SimFile(SimDisk& disk, std::vector<std::byte> bytes = {})
      : bytes(std::move(bytes)), disk_(disk) {}

  void read(PageCache& cache, const PageRun& run) override;
  void write(PageCache& cache, const PageRun& run) override;
  Result<void> resize(Bytes size) override {
    if (at_each_request) at_each_request();
    bytes.resize(size.raw());
    return {};
  }

  std::vector<std::byte> bytes;  // what is on the disk
  std::vector<Request> requests;
  bool keep_requests = true;
  std::function<bool(const Request&)> fails;
  std::function<void()> at_each_request;

 private:
  [[nodiscard]] bool note(const Request& request);

  SimDisk& disk_;
};

}  // namespace quire
