// What /proc shows of files in memory alone, through the C++ API.
#include <gtest/gtest.h>
#include <quire/quire.hpp>

#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include "tests/api/machines.hpp"

namespace shmem_maps {
namespace {

using quire::Access;
using quire::Address;
using quire::File;
using quire::Machine;
using quire::Process;

constexpr std::uint64_t kPage = 4096;

Machine sim() {
  return Machine::from_text("ram = \"128M\"\ncpus = 2\n[kernel]\nframe_content = true\n").value();
}

// tests/oracle/recorder/shmem_maps.c again, but for files of a disk and for /dev/zero mapped
// privately; shared anonymous memory is what it is when it is mapped shared.
TEST(FileApi, MemoryOfNoDiskIsShownWithLinuxsDeviceAndNumbers) {
  Machine machine = sim();
  Process process = machine.process("shmem_maps").value();
  struct From {
    std::uint64_t flags;
    int fd;
    std::uint64_t offset = 0;
  };
  const auto map = [&](std::uint64_t at, const From& from) {
    const auto [flags, fd, offset] = from;
    const quire_mmap memory{at, 2 * kPage, QUIRE_PROT_READ | QUIRE_PROT_WRITE,
                            QUIRE_MAP_FIXED | flags | (fd < 0 ? QUIRE_MAP_ANONYMOUS : 0)};
    const quire_file_mapping of_file{memory, offset};
    const std::int64_t pid = process.pid();
    const std::int64_t got =
        fd < 0 ? quire_process_mmap(machine.get(), pid, &memory)
               : quire_file_mmap(machine.get(), pid, fd, &of_file);
    EXPECT_EQ(got, static_cast<std::int64_t>(at));
    EXPECT_TRUE(process.touch({static_cast<Address>(at), 1}, Access::kWrite).has_value());
  };
  const auto memfd = [&](const char* name) {
    const File file = process.memfd(name).value();
    EXPECT_TRUE(file.truncate(4 * kPage).has_value());
    return file.fd();
  };
  const int first = memfd("first"), second = memfd("a second one"), none = memfd("");
  map(0x10000000, {QUIRE_MAP_SHARED, first, 0});
  map(0x10010000, {QUIRE_MAP_PRIVATE, first, 0});
  map(0x10020000, {QUIRE_MAP_SHARED, second, kPage});
  map(0x10030000, {QUIRE_MAP_SHARED, none, 0});
  for (const std::uint64_t at : {0x10040000, 0x10050000, 0x10060000})
    map(at, {QUIRE_MAP_SHARED, -1});
  map(0x10080000, {QUIRE_MAP_PRIVATE, -1, 0});
  map(0x10090000, {QUIRE_MAP_SHARED, memfd("last"), 0});
  const auto ours = [](const std::string& line) {
    return line.starts_with("100") && !line.starts_with("10070000") && !line.starts_with("100a") &&
           !line.starts_with("100b");
  };
  std::ifstream in(QUIRE_TESTS_DIR "/process/recorded/shmem_maps.log");
  std::map<std::string, std::string> linux;
  std::string name;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("== ")) name = line.substr(line.rfind('/') + 1);
    if (ours(line)) linux[name] += line + '\n';
  }
  ASSERT_EQ(linux.size(), 2U);
  for (const auto& [file, rows] : linux) {
    std::istringstream text(machine.read(process.path(file)).value());
    std::string seen;
    for (std::string line; std::getline(text, line);)
      if (ours(line)) seen += line + '\n';
    EXPECT_EQ(seen, rows) << file;
  }
}

}  // namespace
}  // namespace shmem_maps
