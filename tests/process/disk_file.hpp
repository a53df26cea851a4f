// A file on a simulated disk of a machine with processes, opened once.
#pragma once

#include <string>
#include <vector>

#include "fault/fault.hpp"
#include "hosts/sim/sim_file.hpp"
#include "tests/process/process_machine.hpp"

namespace quire::testing {

struct DiskFile {
  DiskFile(ProcessMachine& test, SimDisk& disk, std::string_view text = {})
      : cache(test.floor->cache()),
        backing(disk, bytes_of(text)),
        mapping(test.floor->file_nodes(), &backing, Bytes{text.size()}),
        vmas(mapping),
        file(mapping, {}, "/data", nullptr) {
    cache.open(mapping);
  }
  ~DiskFile() { cache.evict(mapping); }

  static std::vector<std::byte> bytes_of(std::string_view text) {
    const auto bytes = std::as_bytes(std::span(text));
    return {bytes.begin(), bytes.end()};
  }
  [[nodiscard]] std::string on_disk() const {
    return {reinterpret_cast<const char*>(backing.bytes.data()), backing.bytes.size()};
  }
  Result<Bytes> write(Bytes offset, std::string_view text) {
    return cache.write(file, {offset, std::as_bytes(std::span(text))});
  }

  PageCache& cache;
  SimFile backing;
  Mapping mapping;
  FileVmas vmas;
  File file;
};

}  // namespace quire::testing
