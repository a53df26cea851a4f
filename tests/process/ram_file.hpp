// A file whose bytes a test keeps, with what processes need to map it. Reads and writes fail when
// the test says so.
#pragma once

#include <cstring>
#include <string>

#include "fault/fault.hpp"
#include "tests/process/process_machine.hpp"

namespace quire {

class RamFile final : public BlockFile {
 public:
  RamFile(ProcessCalls& test, std::string text)
      : bytes(std::move(text)),
        cache_(test.floor->cache()),
        mapping(test.floor->file_nodes(), this, Bytes{bytes.size()}),
        vmas(mapping),
        file(mapping, {}, "/data", nullptr) {
    cache_.open(mapping);
  }
  ~RamFile() { cache_.evict(mapping); }

  void read(PageCache& cache, const PageRun& run) override {
    ++reads;
    std::uint64_t index = run.first;
    for (Page* const page : run.pages) {
      const std::uint64_t from = index++ * kPageSize.raw();
      std::byte* const content = cache.content_of(*page);
      std::memset(content, 0, kPageSize.raw());
      if (!failing && from < bytes.size())
        std::memcpy(content, bytes.data() + from, std::min(kPageSize.raw(), bytes.size() - from));
      cache.read_done(*page, failing ? Result<void>{Errno::kIo} : Result<void>{});
    }
  }
  void write(PageCache& cache, const PageRun& run) override {
    std::uint64_t index = run.first;
    for (Page* const page : run.pages) {
      const std::uint64_t to = index++ * kPageSize.raw();
      if (to < bytes.size())
        std::memcpy(bytes.data() + to, cache.content_of(*page),
                    std::min(kPageSize.raw(), bytes.size() - to));
      cache.write_done(*page, {});
    }
  }
  Result<void> resize(Bytes size) override {
    bytes.resize(size.raw());
    return {};
  }

  std::string bytes;
  bool failing = false;
  unsigned reads = 0;

 private:
  PageCache& cache_;

 public:
  Mapping mapping;
  FileVmas vmas;
  File file;
};

}  // namespace quire
