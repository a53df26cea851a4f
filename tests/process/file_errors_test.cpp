// Each request to a disk in turn fails while a process uses a file in every way: whoever needs the
// page is told, whoever has the file open is told once of what could not be written, and no other
// byte is lost.
#include <gtest/gtest.h>

#include <optional>

#include "tests/process/disk_file.hpp"

namespace quire::testing::file_errors {
namespace {

constexpr std::uint64_t kPage = kPageSize.raw();
constexpr std::uint64_t kPages = 48;  // more than one window of read-ahead

std::string pattern() {
  std::string text(kPages * kPage - 100, ' ');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>('a' + i / 37 % 26);
  return text;
}

class Scenario {
 public:
  explicit Scenario(std::size_t failing) {
    disk_file_.backing.fails = [this, failing](const SimFile::Request& request) {
      const bool fails = seen++ == failing;
      write_failed |= fails && request.write;
      read_failed |= fails && !request.write;
      return fails;
    };
    disk_file_.file.get();
    first_ = *process_.files.add(disk_file_.file, Descriptors::OnExec::kKeep);
    other_file_.get();
    second_ = *process_.files.add(other_file_, Descriptors::OnExec::kKeep);
  }

  void run() {
    read_and_write();
    map();
    sync_both();
    // What failed is in memory alone: it is there to be written again, until somebody drops it.
    if (write_failed) {
      write(0, std::string(naive_));
      sync_both();
    }
    EXPECT_EQ(disk_file_.on_disk(), naive_);
    test_.floor->cache().drop_caches();
    for (std::uint64_t page = 0; page < kPages; ++page) read({Bytes{page * kPage}, kPageSize});
    test_.exit(process_);
    EXPECT_TRUE(audited(test_.machine));
  }

  std::size_t seen = 0;
  bool read_failed = false;
  bool write_failed = false;
  unsigned read_errors = 0;
  unsigned told_first = 0;
  unsigned told_second = 0;

 private:
  // Once more where it fails, and then it does not.
  template <class Call>
  void twice(Call call) {
    if (call()) return;
    ++read_errors;
    EXPECT_TRUE(call());
  }
  static bool fails_with(Errno error) {
    EXPECT_EQ(error, Errno::kIo);
    return false;
  }
  void read(const Extent& part) {
    const std::uint64_t at = part.start.raw();
    std::string text(part.length.raw(), '?');
    twice([&] {
      const auto bytes = std::as_writable_bytes(std::span(text));
      const auto got = do_pread(process_, first_, {static_cast<std::int64_t>(at), bytes});
      if (!got.has_value()) return fails_with(got.error());
      EXPECT_EQ(text.substr(0, got->raw()), naive_.substr(at, got->raw()));
      return got->raw() == std::min(text.size(), naive_.size() - at);
    });
  }
  void write(std::uint64_t at, std::string_view text) {
    twice([&] {
      const auto bytes = std::as_bytes(std::span(text));
      const auto put = do_pwrite(process_, first_, {static_cast<std::int64_t>(at), bytes});
      return put.has_value() ? put->raw() == text.size() : fails_with(put.error());
    });
    naive_.replace(at, text.size(), text);
  }
  void read_and_write() {
    for (std::uint64_t page = 0; page < kPages; page += 3)
      read({Bytes{page * kPage + 5}, kPageSize * 2});
    for (const std::uint64_t page : {1, 4, 9, 40}) write(page * kPage + 200, "written");
    test_.floor->cache().drop_caches();
    for (const std::uint64_t page : {30, 31}) write(page * kPage + 300, "read and written");
    // What was written behind the cut is gone, and zeros are there when it is long again.
    for (const std::uint64_t size : {40 * kPage + 203, pattern().size()}) {
      EXPECT_TRUE(do_ftruncate(process_, first_, static_cast<std::int64_t>(size)).has_value());
      naive_.resize(size, '\0');
    }
  }
  void touch(VirtAddr at, Access access) {
    twice([&] {
      const FaultEnd end = test_.try_touch(process_, at, access);
      EXPECT_TRUE(end == FaultEnd::kMinor || end == FaultEnd::kBeyondFile) << "SIGBUS";
      return end == FaultEnd::kMinor;
    });
  }
  void map() {
    MmapRequest request;
    request.length = Bytes{kPages * kPage};
    request.prot = prot::kRead | prot::kWrite;
    request.flags = map::kShared;
    request.file = &disk_file_.file;
    const Caller caller = test_.floor->caller(process_);
    const VirtAddr at = *do_mmap(caller, request);
    for (std::uint64_t page = 0; page < kPages; page += 5) {
      touch(at + Bytes{page * kPage}, Access::kUserRead);
      EXPECT_EQ(test_.read(process_, at + Bytes{page * kPage}, 9), naive_.substr(page * kPage, 9));
    }
    for (const std::uint64_t page : {2, 20, 33}) {
      touch(at + Bytes{page * kPage}, Access::kUserWrite);
      test_.write(process_, at + Bytes{page * kPage}, "mapped");
      naive_.replace(page * kPage, 6, "mapped");
    }
    told_first += do_msync(caller, at, request.length, sync::kSync).has_value() ? 0 : 1;
    test_.write(process_, at + Bytes{7 * kPage}, "unsynced");
    naive_.replace(7 * kPage, 8, "unsynced");
    EXPECT_TRUE(do_munmap(caller, at, request.length).has_value());
  }
  void sync_both() {
    for (unsigned round = 0; round < 2; ++round) {
      told_first += do_fsync(process_, first_).has_value() ? 0 : 1;
      told_second += do_fsync(process_, second_).has_value() ? 0 : 1;
    }
  }

  ProcessMachine test_;
  SimDisk disk_{test_.host, test_.machine.cpus()[0], {}};
  DiskFile disk_file_{test_, disk_, pattern()};
  File other_file_{disk_file_.mapping, {}, "/data", nullptr};
  Process& process_ = test_.create("errors");
  int first_ = -1;
  int second_ = -1;
  std::string naive_ = pattern();
};

TEST(FileErrors, EachRequestThatFailsIsToldAndNoByteIsLost) {
  bool some_read = false;
  bool some_write = false;
  for (std::size_t failing = 0;; ++failing) {
    Scenario scenario(failing);
    scenario.run();
    SCOPED_TRACE(failing);
    // A page that was read ahead in vain is tried again by who wants it, and nobody is told.
    EXPECT_LE(scenario.read_errors, scenario.read_failed ? 1u : 0u);
    EXPECT_EQ(scenario.told_first, scenario.write_failed ? 1u : 0u);
    EXPECT_EQ(scenario.told_second, scenario.write_failed ? 1u : 0u);
    some_read |= scenario.read_errors != 0;
    some_write |= scenario.write_failed;
    if (HasFailure() || failing >= scenario.seen) break;
  }
  EXPECT_TRUE(some_read);
  EXPECT_TRUE(some_write);
}

}  // namespace
}  // namespace quire::testing::file_errors
