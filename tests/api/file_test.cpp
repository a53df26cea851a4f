// Open files of processes through the C and the C++ API.
#include <gtest/gtest.h>
#include <quire/quire.hpp>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

#include "tests/api/machines.hpp"

namespace file_api {
namespace {

using quire::Access;
using quire::Address;
using quire::File;
using quire::Machine;
using quire::MapFlags;
using quire::OpenFlags;
using quire::Process;
using quire::Whence;

constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kMany = 1000;  // pages: CPUs' shares of counters are nothing beside them
constexpr OpenFlags kNew = OpenFlags::kReadWrite | OpenFlags::kCreate;
constexpr char kWithContent[] = "ram = \"128M\"\ncpus = 2\n[kernel]\nframe_content = true\n";

Machine sim() { return Machine::from_text(kWithContent).value(); }
Machine native() {
  return Machine::from_text(quire::test::kTwoNodes, quire::test::kNative).value();
}

std::string text_of(const File& file, std::int64_t offset, std::size_t size) {
  std::string text(size, '?');
  text.resize(file.pread({text.data(), size, offset}).value());
  return text;
}
// The number behind `name` in a file of /proc.
std::uint64_t row(Machine& machine, const std::string& path, const std::string& name) {
  const std::string text = machine.read(path).value();
  const std::size_t at = ('\n' + text).find('\n' + name);
  return at == std::string::npos ? ~0ull : std::stoull(text.substr(at + name.size()));
}
template <class T>
int errno_of(const quire::Result<T>& result) {
  return result.has_value() ? 0 : result.error().number;
}

// A real file that goes with the test.
class RealFile {
 public:
  explicit RealFile(const std::string& text) {
    char name[] = "/tmp/quire-api-XXXXXX";
    const int made = mkstemp(name);
    EXPECT_GE(made, 0);
    close(made);
    path = name;
    std::ofstream(path) << text;
  }
  ~RealFile() { std::filesystem::remove(path); }
  [[nodiscard]] std::string text() const {
    std::ostringstream all;
    all << std::ifstream(path).rdbuf();
    return all.str();
  }
  std::string path;
};

TEST(FileApi, WhatIsWrittenIsReadWhereThePositionIs) {
  RealFile real("");
  for (const bool simulated : {true, false}) {
    Machine machine = simulated ? sim() : native();
    Process process = machine.process("writer").value();
    const File file = process.open(simulated ? "/data" : real.path, kNew).value();
    EXPECT_EQ(file.fd(), 0);
    EXPECT_EQ(file.write("0123456789", 10).value(), 10u);
    EXPECT_EQ(file.seek(-4, Whence::kCurrent).value(), 6u);
    char two[2];
    EXPECT_EQ(file.read(two, 2).value(), 2u);
    EXPECT_EQ(std::string(two, 2), "67");
    EXPECT_EQ(file.pwrite({"ab", 2, 1}).value(), 2u);
    EXPECT_EQ(text_of(file, 0, 100), "0ab3456789");
    EXPECT_EQ(file.seek(0, Whence::kCurrent).value(), 8u) << "where read left it";
    ASSERT_TRUE(file.truncate(3).has_value());
    EXPECT_EQ(file.seek(0, Whence::kEnd).value(), 3u);
    EXPECT_EQ(file.read(two, 2).value(), 0u);
  }
}

TEST(FileApi, RealFilesHaveWhatWasWrittenBySyncAndWhenTheMachineEnds) {
  RealFile real("from outside");
  {
    Machine machine = native();
    Process process = machine.process("writer").value();
    const File file = process.open(real.path, OpenFlags::kReadWrite).value();
    EXPECT_EQ(text_of(file, 0, 100), "from outside");
    ASSERT_TRUE(file.pwrite({"FROM", 4, 0}).has_value());
    EXPECT_EQ(real.text(), "from outside") << "in the page cache alone";
    ASSERT_TRUE(file.sync().has_value());
    EXPECT_EQ(real.text(), "FROM outside");
    const Address at = file.map({{}, kPage}, Access::kReadWrite).value();
    ASSERT_TRUE(process.write({at + 5, 7}, "OUTSIDE").has_value());
    ASSERT_TRUE(process.sync({at, kPage}).has_value());
    EXPECT_EQ(real.text(), "FROM OUTSIDE");
    ASSERT_TRUE(file.pwrite({"last", 4, 0}).has_value());
  }
  EXPECT_EQ(real.text(), "last OUTSIDE");
}

TEST(FileApi, ATaskOfTheMachineWritesBackByTheClock) {
  Machine machine = sim();
  Process process = machine.process("writer").value();
  const File file = process.open("/data", kNew).value();
  const std::string text(100 * kPage, 'x');
  ASSERT_TRUE(file.write(text.data(), text.size()).has_value());
  // CPUs fold a few pages later.
  const auto dirty = [&] { return row(machine, "/proc/vmstat", "nr_dirty "); };
  EXPECT_GT(dirty(), 80u);
  ASSERT_EQ(quire_run_for(machine.get(), 29'000'000'000), 0);
  EXPECT_GT(dirty(), 80u);
  ASSERT_EQ(quire_run_for(machine.get(), 6'000'000'000), 0);
  EXPECT_LT(dirty(), 20u);
  EXPECT_EQ(quire_run_for(native().get(), 1), -EOPNOTSUPP);
}

TEST(FileApi, AThreadOfARealMachineWritesBackWhatIsTooMuch) {
  RealFile real("");
  Machine machine = native();
  Process process = machine.process("writer").value();
  ASSERT_TRUE(machine.write("/proc/sys/vm/dirty_background_bytes", "65536").has_value());
  const File file = process.open(real.path, OpenFlags::kReadWrite).value();
  const std::string page(kPage, 'x');
  for (unsigned i = 0; i < 640; ++i) ASSERT_TRUE(file.write(page.data(), kPage).has_value());
  const auto late = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (std::filesystem::file_size(real.path) < 16 * kPage &&
         std::chrono::steady_clock::now() < late)
    std::this_thread::yield();
  EXPECT_GE(std::filesystem::file_size(real.path), 16 * kPage);
}

TEST(FileApi, DescriptorsAreTheLeastFreeOnesAndChildrenShareThem) {
  Machine machine = sim();
  Process parent = machine.process("parent").value();
  const File first = parent.open("/data", kNew).value();
  const File second = parent.open("/data", OpenFlags::kRead).value();
  const File third = parent.memfd("third").value();
  EXPECT_EQ(first.fd(), 0);
  EXPECT_EQ(second.fd(), 1);
  EXPECT_EQ(third.fd(), 2);
  ASSERT_TRUE(second.close().has_value());
  EXPECT_EQ(second.close().error().number, EBADF);
  EXPECT_EQ(first.duplicate().value().fd(), 1);
  ASSERT_TRUE(first.write("abcdef", 6).has_value());
  {
    Process child = parent.fork().value();
    const File inherited = child.inherited(first.fd());
    EXPECT_EQ(inherited.seek(2).value(), 2u);
    EXPECT_EQ(first.seek(0, Whence::kCurrent).value(), 2u) << "one opening for both";
    ASSERT_TRUE(first.close().has_value());
    EXPECT_EQ(text_of(inherited, 0, 6), "abcdef") << "the child's descriptor is its own";
    ASSERT_TRUE(child.exec("other", {}).has_value());
    EXPECT_EQ(text_of(child.inherited(0), 0, 6), "abcdef");
  }
  const File closing = parent.open("/data", OpenFlags::kRead | OpenFlags::kCloseOnExec).value();
  EXPECT_EQ(closing.fd(), 0);
  ASSERT_TRUE(parent.exec("next", {}).has_value());
  EXPECT_EQ(closing.close().error().number, EBADF);
}

TEST(FileApi, AMemfdIsSharedMemoryByDescriptor) {
  for (const bool simulated : {true, false}) {
    Machine machine = simulated ? sim() : native();
    Process parent = machine.process("parent").value();
    const File file = parent.memfd("ring").value();
    ASSERT_TRUE(file.truncate(kMany * kPage).has_value());
    const Address at = file.map({{}, kMany * kPage}, Access::kReadWrite).value();
    Process child = parent.fork().value();
    ASSERT_TRUE(child.store(at + kPage, 7).has_value());
    EXPECT_EQ(parent.load<int>(at + kPage).value(), 7);
    int seven = 0;
    EXPECT_EQ(file.pread({&seven, sizeof seven, kPage}).value(), sizeof seven);
    EXPECT_EQ(seven, 7);
    const std::string maps = machine.read(parent.path("maps")).value();
    EXPECT_NE(maps.find("rw-s 00000000 00:01 2"), std::string::npos) << maps;
    EXPECT_NE(maps.find(" /memfd:ring (deleted)\n"), std::string::npos) << maps;
    EXPECT_EQ(row(machine, parent.path("smaps_rollup"), "Pss_Shmem:"), 2u) << "half of a page";
    ASSERT_TRUE(child.touch({at, kMany * kPage}, Access::kWrite).has_value());
    EXPECT_GT(row(machine, "/proc/meminfo", "Shmem:"), 2 * kMany);
    ASSERT_TRUE(parent.advise({at + kPage, kPage}, quire::Advice::kRemove).has_value());
    EXPECT_EQ(child.load<int>(at + kPage).value(), 0);
  }
}

TEST(FileApi, SealsAreKept) {
  Machine machine = sim();
  Process process = machine.process("sealer").value();
  const File open = process.memfd("open", true).value();
  ASSERT_TRUE(open.truncate(2 * kPage).has_value());
  ASSERT_TRUE(open.add_seals(QUIRE_F_SEAL_SHRINK | QUIRE_F_SEAL_GROW).has_value());
  EXPECT_EQ(open.seals().value(), 6u);
  EXPECT_EQ(errno_of(open.truncate(kPage)), EPERM);
  EXPECT_EQ(errno_of(open.truncate(3 * kPage)), EPERM);
  EXPECT_EQ(errno_of(open.pwrite({"xy", 2, 2 * kPage})), EPERM);
  EXPECT_EQ(open.pwrite({"xy", 2, 0}).value(), 2u);
  const Address at = open.map({{}, kPage}, Access::kReadWrite).value();
  EXPECT_EQ(errno_of(open.add_seals(QUIRE_F_SEAL_WRITE)), EBUSY) << "somebody may write";
  ASSERT_TRUE(process.unmap({at, kPage}).has_value());
  ASSERT_TRUE(open.add_seals(QUIRE_F_SEAL_WRITE | QUIRE_F_SEAL_SEAL).has_value());
  EXPECT_EQ(errno_of(open.pwrite({"xy", 2, 0})), EPERM);
  EXPECT_EQ(errno_of(open.map({{}, kPage}, Access::kReadWrite)), EPERM);
  EXPECT_TRUE(open.map({{}, kPage}, Access::kRead, MapFlags::kFilePrivate).has_value());
  EXPECT_EQ(errno_of(open.allocate({0, kPage, 3, 0})), EPERM);
  EXPECT_EQ(errno_of(open.add_seals(QUIRE_F_SEAL_FUTURE_WRITE)), EPERM);
  const File closed = process.memfd("closed").value();
  EXPECT_EQ(closed.seals().value(), QUIRE_F_SEAL_SEAL);
  EXPECT_EQ(errno_of(closed.add_seals(QUIRE_F_SEAL_WRITE)), EPERM);
  const File data = process.open("/data", kNew).value();
  EXPECT_EQ(errno_of(data.seals()), EINVAL);
}

TEST(FileApi, TmpfsFilesHaveNamesUntilTheyAreUnlinked) {
  Machine machine = native();
  Process process = machine.process("shm").value();
  EXPECT_EQ(errno_of(process.open("/dev/shm/quire-test", OpenFlags::kRead)), ENOENT);
  const File file = process.open("/dev/shm/quire-test", kNew | OpenFlags::kExclusive).value();
  EXPECT_FALSE(std::filesystem::exists("/dev/shm/quire-test")) << "the machine's, not the system's";
  EXPECT_EQ(errno_of(process.open("/dev/shm/quire-test", kNew | OpenFlags::kExclusive)), EEXIST);
  ASSERT_TRUE(file.allocate({0, kMany * kPage, 0, 0}).has_value());
  EXPECT_GT(row(machine, "/proc/meminfo", "Shmem:"), 2 * kMany);
  ASSERT_TRUE(file.write("kept", 4).has_value());
  ASSERT_TRUE(file.close().has_value());
  const File again = process.open("/dev/shm/quire-test", OpenFlags::kRead).value();
  EXPECT_EQ(text_of(again, 0, 4), "kept");
  EXPECT_EQ(errno_of(again.write("x", 1)), EBADF);
  ASSERT_EQ(quire_unlink(machine.get(), "/dev/shm/quire-test"), 0);
  EXPECT_EQ(quire_unlink(machine.get(), "/dev/shm/quire-test"), -ENOENT);
  EXPECT_EQ(text_of(again, 0, 4), "kept") << "while it is open";
  ASSERT_TRUE(again.close().has_value());
  EXPECT_LT(row(machine, "/proc/meminfo", "Shmem:"), kMany);
}

TEST(FileApi, ATmpfsHasNoMoreThanItsLimits) {
  Machine machine = sim();
  EXPECT_EQ(quire_tmpfs_remount(machine.get(), nullptr), -EINVAL);
  const quire_tmpfs_limits limits = {.size = 3 * kPage + 1, .nr_inodes = 3};
  EXPECT_EQ(quire_tmpfs_remount(machine.get(), &limits), -ENOENT);
  Process process = machine.process("full").value();
  ASSERT_EQ(quire_tmpfs_remount(machine.get(), &limits), 0);
  const File one = process.open("/dev/shm/one", kNew).value();
  const File two = process.open("/dev/shm/two", kNew).value();
  EXPECT_EQ(errno_of(process.open("/dev/shm/three", kNew)), ENOSPC) << "the folder is one of them";
  const std::string pages(4 * kPage, 'x');
  ASSERT_EQ(one.write(pages.data(), pages.size()).value(), pages.size());
  EXPECT_EQ(errno_of(two.write("x", 1)), ENOSPC);
  ASSERT_TRUE(two.truncate(kPage).has_value());
  const Address at = two.map({{}, kPage}, Access::kReadWrite).value();
  EXPECT_FALSE(process.touch({at, kPage}, Access::kWrite).has_value()) << "SIGBUS";
  const quire_tmpfs_limits less = {.size = 3 * kPage, .nr_inodes = 0};
  EXPECT_EQ(quire_tmpfs_remount(machine.get(), &less), -EINVAL);
  const quire_tmpfs_limits few = {.size = 0, .nr_inodes = 2};
  EXPECT_EQ(quire_tmpfs_remount(machine.get(), &few), -EINVAL);
  ASSERT_TRUE(one.truncate(kPage).has_value());
  EXPECT_TRUE(process.touch({at, kPage}, Access::kWrite).has_value()) << "there is room again";
  ASSERT_TRUE(one.close().has_value());
  ASSERT_EQ(quire_unlink(machine.get(), "/dev/shm/one"), 0);
  EXPECT_TRUE(process.open("/dev/shm/three", kNew).has_value());
}

TEST(FileApi, MapsTellAFilesDeviceItsNumberAndThatNoFolderHasItAnyMore) {
  const RealFile disk(std::string(kPage, 'x'));
  const std::string& path = disk.path;
  struct stat status{};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  char told[64];
  std::snprintf(told, sizeof told, " %02x:%02x %lu ", gnu_dev_major(status.st_dev),
                gnu_dev_minor(status.st_dev), static_cast<unsigned long>(status.st_ino));
  Machine machine = native();
  Process process = machine.process("maps").value();
  const File file = process.open(path.c_str(), OpenFlags::kRead).value();
  ASSERT_TRUE(file.map({{}, kPage}, Access::kRead).has_value());
  std::string maps = machine.read(process.path("maps")).value();
  EXPECT_NE(maps.find(told), std::string::npos) << maps;
  EXPECT_NE(maps.find(" " + path + "\n"), std::string::npos) << maps;
  ASSERT_EQ(quire_unlink(machine.get(), path.c_str()), 0);
  maps = machine.read(process.path("maps")).value();
  EXPECT_NE(maps.find(" " + path + " (deleted)\n"), std::string::npos) << maps;
}

TEST(FileApi, HolesAreZerosThatNothingKeeps) {
  Machine machine = sim();
  Process process = machine.process("holes").value();
  const File file = process.memfd("holes").value();
  const std::string text(3 * kPage, 'x');
  ASSERT_EQ(file.write(text.data(), text.size()).value(), text.size());
  ASSERT_TRUE(file.allocate({100, static_cast<std::int64_t>(2 * kPage), 3, 0}).has_value());
  EXPECT_EQ(text_of(file, 99, 3), std::string("x\0\0", 3));
  EXPECT_EQ(text_of(file, 2 * kPage + 98, 4), std::string("\0\0xx", 4));
  EXPECT_EQ(file.seek(0, Whence::kHole).value(), kPage);
  EXPECT_EQ(file.seek(kPage, Whence::kData).value(), 2 * kPage);
  EXPECT_EQ(errno_of(file.seek(3 * kPage, Whence::kData)), ENXIO);
  ASSERT_TRUE(file.allocate({0, static_cast<std::int64_t>(5 * kPage), 0, 0}).has_value());
  EXPECT_EQ(file.seek(0, Whence::kHole).value(), 5 * kPage);
  EXPECT_EQ(errno_of(file.allocate({0, kPage, 2, 0})), EOPNOTSUPP) << "must keep the size";
  EXPECT_EQ(errno_of(file.allocate({0, 0, 0, 0})), EINVAL);
  EXPECT_EQ(errno_of(file.allocate({kPage, INT64_MAX, 0, 0})), EFBIG);
}

TEST(FileApi, PagesInMemoryAloneAreCommittedOneByOne) {
  Machine machine = sim();
  Process process = machine.process("committed").value();
  const auto committed = [&] { return row(machine, "/proc/meminfo", "Committed_AS:"); };
  const std::uint64_t before = committed();
  const File file = process.memfd("committed").value();
  ASSERT_TRUE(file.truncate(kMany * kPage).has_value());
  EXPECT_EQ(committed(), before) << "none is there";
  ASSERT_TRUE(file.allocate({0, 100 * kPage, 0, 0}).has_value());
  EXPECT_EQ(committed(), before + 400);
  ASSERT_TRUE(file.allocate({0, 50 * kPage, 3, 0}).has_value());
  EXPECT_EQ(committed(), before + 200);
  ASSERT_TRUE(machine.write("/proc/sys/vm/overcommit_memory", "2").has_value());
  ASSERT_TRUE(machine.write("/proc/sys/vm/overcommit_kbytes", "1024").has_value());
  EXPECT_EQ(errno_of(file.allocate({0, kMany * kPage, 0, 0})), ENOSPC);
  EXPECT_EQ(errno_of(file.pwrite({"x", 1, 0})), ENOSPC);
  EXPECT_EQ(file.pwrite({"x", 1, 60 * kPage}).value(), 1u) << "that page is there";
  ASSERT_TRUE(file.close().has_value());
  EXPECT_EQ(committed(), before);
}

TEST(FileApi, MistakesHaveLinuxsErrors) {
  Machine machine = sim();
  Process process = machine.process("wrong").value();
  const File file = process.open("/data", kNew).value();
  const File reader = process.open("/data", OpenFlags::kRead).value();
  const File writer = process.open("/data", OpenFlags::kWrite | OpenFlags::kAppend).value();
  char byte = 'x';
  EXPECT_EQ(errno_of(process.open("/nothing", OpenFlags::kRead)), ENOENT);
  EXPECT_EQ(errno_of(reader.write(&byte, 1)), EBADF);
  EXPECT_EQ(errno_of(writer.read(&byte, 1)), EBADF);
  EXPECT_EQ(errno_of(reader.truncate(1)), EINVAL);
  EXPECT_EQ(errno_of(file.truncate(-1)), EINVAL);
  EXPECT_EQ(errno_of(file.pread({&byte, 1, -1})), EINVAL);
  EXPECT_EQ(errno_of(file.pwrite({&byte, 1, INT64_MAX})), EFBIG);
  EXPECT_EQ(errno_of(file.seek(-1)), EINVAL);
  EXPECT_EQ(errno_of(file.seek(0, static_cast<Whence>(9))), EINVAL);
  EXPECT_EQ(errno_of(file.allocate({0, 1, 0, 0})), EOPNOTSUPP);
  EXPECT_EQ(errno_of(reader.map({{}, kPage}, Access::kReadWrite)), EACCES);
  EXPECT_EQ(errno_of(writer.map({{}, kPage}, Access::kRead)), EACCES);
  EXPECT_EQ(errno_of(process.inherited(77).sync()), EBADF);
  EXPECT_EQ(errno_of(process.inherited(-1).map({{}, kPage}, Access::kRead)), EBADF);
  EXPECT_EQ(errno_of(process.memfd(std::string(250, 'n'))), EINVAL);
  EXPECT_EQ(quire_file_open(machine.get(), process.pid(), nullptr, 0), -EFAULT);
  EXPECT_EQ(quire_file_open(machine.get(), process.pid(), "/data", 3), -EINVAL);
  EXPECT_EQ(quire_file_read(machine.get(), process.pid(), 0, nullptr), -EFAULT);
  EXPECT_EQ(quire_file_fsync(machine.get(), process.pid() + 1, 0), -ENOENT);
  ASSERT_TRUE(file.write("ab", 2).has_value());
  ASSERT_TRUE(writer.write("c", 1).has_value());
  EXPECT_EQ(text_of(file, 0, 9), "abc") << "appended";
  int last = 0;
  while (last < 2000 && (last = quire_file_dup(machine.get(), process.pid(), 0)) >= 0) {
  }
  EXPECT_EQ(last, -EMFILE);
  Machine blank = Machine::from_text("ram = \"64M\"\n").value();
  Process pages = blank.process("pages").value();
  EXPECT_EQ(errno_of(pages.open("/data", kNew).value().write("x", 1)), EOPNOTSUPP);
}

TEST(FileApi, AllMemoryIsLockedAndUnlocked) {
  Machine machine = sim();
  Process process = machine.process("locker").value();
  ASSERT_TRUE(process.lock_all(QUIRE_MCL_CURRENT | QUIRE_MCL_FUTURE).has_value());
  const Address at = process.map(2 * kPage).value();
  EXPECT_EQ(process.resident({at, 2 * kPage}).value(), (std::vector<std::uint8_t>{1, 1}));
  ASSERT_TRUE(process.unlock_all().has_value());
  EXPECT_EQ(errno_of(process.lock_all(8)), EINVAL);
}

}  // namespace
}  // namespace file_api
