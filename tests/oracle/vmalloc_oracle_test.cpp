// vmalloc held to Linux's own answers: the same calls from the same areas in use get the same
// addresses, and /proc/vmallocinfo shows them in the same rows (tests/oracle/vmalloc).
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <bit>
#include <deque>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/oracle/recordings.hpp"
#include "tests/support/test_machine.hpp"
#include "tools/oracle/packed_file.hpp"

namespace quire::oracle {
namespace {

struct Recording {
  const char* name;
  unsigned cpus;
  unsigned nodes;
};

Shape shape_of(const Recording& recording) {
  if (recording.nodes == 1) return Shape::one_zone({1024, recording.cpus});
  Shape shape;
  shape.ram = {{0, 16, 528}, {1, 528, 1040}};
  shape.cpus = {node_id(0), node_id(1)};
  return shape;
}

std::uint64_t hex(const std::string& digits) { return std::stoull(digits, nullptr, 16); }

// A row of the file, as far as the replay goes by it: "0xSTART-0xEND SIZE REST".
struct Row {
  explicit Row(const std::string& line)
      : text(line),
        start(hex(line.substr(2, line.find('-') - 2))),
        end(hex(line.substr(line.find('-') + 3, 16))) {}
  std::string text;
  std::uint64_t start;
  std::uint64_t end;
};

class Replay {
 public:
  explicit Replay(const Recording& recording)
      : machine_(shape_of(recording)), space_(machine_.machine.vmalloc()) {
    for (unsigned i = 0; i < kPoolPages; ++i) pool_.push_back(machine_.alloc(Gfp::kKernel, 0));
  }

  void run(std::istream& log) {
    for (std::string line; std::getline(log, line) && !testing::Test::HasFailure();) {
      ++line_;
      SCOPED_TRACE("line " + std::to_string(line_) + ": " + line);
      if (line == "INFO")
        info(log);
      else if (begun_)
        step(line);
    }
    EXPECT_TRUE(audited(machine_.machine));
  }

 private:
  static constexpr unsigned kPoolPages = 64;

  // The first text says what is in use before the first call; every later one is ours too.
  void info(std::istream& log) {
    std::vector<Row> rows;
    for (std::string line; std::getline(log, line) && line != "END"; ++line_)
      rows.emplace_back(line);
    ++line_;
    if (!begun_) {
      for (const Row& row : rows) take(row);
      begun_ = true;
      return;
    }
    std::vector<std::string> expected;
    for (const Row& row : rows)
      if (!before_.contains(row.start) && !row.text.ends_with(" ioremap"))
        expected.push_back(row.text);
    EXPECT_EQ(our_rows(), expected);
  }

  void take(const Row& row) {
    const VirtRange range{VirtAddr{row.start}, VirtAddr{row.end}};
    EXPECT_EQ(space_.reserve({.size = range.length(), .flags = VmapFlags::kNoGuard,
                              .within = range}),
              range.start);
    before_.insert(row.start);
  }

  std::vector<std::string> our_rows() {
    StringSink sink;
    EXPECT_TRUE(machine_.machine.proc().read("proc/vmallocinfo", sink).has_value());
    std::vector<std::string> rows;
    std::istringstream text(sink.text);
    for (std::string line; std::getline(text, line);) {
      const std::uint64_t start = Row(line).start;
      const bool mapped_io = mapped_io_.contains(start) && !line.ends_with(" unpurged vm_area");
      if (!before_.contains(start) && !mapped_io) rows.push_back(line);
    }
    return rows;
  }

  void step(const std::string& line) {
    std::istringstream words(line);
    char kind;
    words >> kind;
    if (kind == 'P') space_.purge();
    if (kind == 'P' || kind == 'W') return;
    std::string first, address, caller;
    words >> first;
    if (kind == 'X' || kind == 'R') return space_.vfree(VirtAddr{hex(first)});
    words >> address >> std::ws;
    std::getline(words, caller);
    callers_.push_back(caller);
    EXPECT_EQ(call(kind, std::stoull(first)).raw(), hex(address));
  }

  VirtAddr call(char kind, std::uint64_t size) {
    const char* const caller = callers_.back().c_str();
    switch (kind) {
      case 'V': return space_.vmalloc(Bytes{size}, caller);
      case 'Z': return space_.vzalloc(Bytes{size}, caller);
      case 'U': return space_.vmalloc_user(Bytes{size}, caller);
      case 'H': return space_.vmalloc_huge(Bytes{size}, Gfp::kKernel, caller);
      case 'M':
        return space_.vmap(std::span(pool_).first(size), Prot::kKernel, caller);
      case 'S':
        return space_.allocate({.size = Bytes{size}, .align = Bytes{size}, .caller = caller});
      case 'O':
        return space_.allocate(
            {.size = Bytes{size}, .within = space_.layout().modules, .caller = caller});
      case 'I': {
        const VirtAddr at =
            space_.reserve({.size = Bytes{size}, .align = Bytes{std::bit_ceil(size)}});
        mapped_io_.insert(at.raw());
        return at;
      }
      default: ADD_FAILURE() << "no such call"; return {};
    }
  }

  TestMachine machine_;
  VmallocSpace& space_;
  std::vector<Page*> pool_;
  std::deque<std::string> callers_;  // shown by the file: they stay
  std::set<std::uint64_t> before_;
  std::set<std::uint64_t> mapped_io_;
  bool begun_ = false;
  unsigned line_ = 0;
};

class VmallocOracle : public testing::TestWithParam<Recording> {};

TEST_P(VmallocOracle, AddressesAndRowsAreLinuxs) {
  const auto text =
      read_packed(kRecordings / "vmalloc" / (std::string(GetParam().name) + ".log.gz"));
  ASSERT_TRUE(text.has_value()) << text.error();
  std::istringstream log(*text);
  Replay(GetParam()).run(log);
}

INSTANTIATE_TEST_SUITE_P(
    Recordings, VmallocOracle,
    testing::Values(Recording{"each_kind", 1, 1}, Recording{"each_kind_2_nodes", 2, 2},
                    Recording{"lazy_limit", 1, 1}, Recording{"lazy_limit_2_cpus", 2, 1},
                    Recording{"random_small", 1, 1}, Recording{"random_large", 1, 1}),
    [](const auto& test) { return std::string(test.param.name); });

// An answer that is off by a page is noticed.
TEST(VmallocOracle, AnAlteredRecordingIsNotMet) {
  const auto text = read_packed(kRecordings / "vmalloc/each_kind.log.gz");
  ASSERT_TRUE(text.has_value());
  std::string altered = *text;
  const std::size_t at = altered.find("\nV 16384 ffffc90000");
  ASSERT_NE(at, std::string::npos);
  char& digit = altered[at + 21];
  digit = digit == '7' ? '8' : '7';
  testing::TestPartResultArray failures;
  {
    const testing::ScopedFakeTestPartResultReporter reporter(
        testing::ScopedFakeTestPartResultReporter::INTERCEPT_ONLY_CURRENT_THREAD, &failures);
    std::istringstream log(altered);
    Replay({"each_kind", 1, 1}).run(log);
  }
  EXPECT_GT(failures.size(), 0);
}

}  // namespace
}  // namespace quire::oracle
