#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>

#include "tests/support/scratch.hpp"
#include "tools/trace/trace.hpp"

namespace quire::trace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Import : public ::testing::Test {
 protected:
  // What a file of that name and content is read as, but for its Exec.
  std::vector<What> read(const std::string& name, const std::string& bytes) {
    const std::string path = scratch_.path() / name;
    std::ofstream(path, std::ios::binary) << bytes;
    std::vector<What> events;
    error_.clear();
    const auto reader = open_trace(path);
    if (!reader) error_ = reader.error().text();
    while (reader) {
      const auto next = (*reader)->next();
      if (!next) error_ = next.error().text();
      if (!next || *next == nullptr) break;
      events.push_back((*next)->what);
    }
    EXPECT_TRUE(!reader || std::holds_alternative<Exec>(events.front()));
    if (!events.empty()) events.erase(events.begin());
    return events;
  }
  std::vector<Access> accesses(const std::string& name, const std::string& bytes) {
    std::vector<Access> found;
    for (const What& what : read(name, bytes))
      if (const auto* access = std::get_if<Access>(&what)) found.push_back(*access);
    return found;
  }

  Scratch scratch_;
  std::string error_;
};

const std::string kLackey =
    "==1== Lackey, an example Valgrind tool\n"
    "I  04001000,3\n"
    " L 1ffeffe7e0,8\n"
    " S 1ffeffe7d8,8\n"
    " M 0421fffe,4\n";
const Access kFetch{.page = 0x4001, .touch = Touch::kFetch};
const Access kLoad{.page = 0x1ffeffe};
const Access kStore{.page = 0x1ffeffe, .touch = Touch::kWrite};
const Access kModifyRead{.page = 0x421f, .pages = 2};
const Access kModifyWrite{.page = 0x421f, .pages = 2, .touch = Touch::kWrite};

TEST_F(Import, OfLackeyHasFetchesLoadsStoresAndBothForModify) {
  EXPECT_THAT(accesses("t.lackey", kLackey),
              ElementsAre(kFetch, kLoad, kStore, kModifyRead, kModifyWrite));
  EXPECT_EQ(error_, "");
}

TEST_F(Import, MapsTwoMebibytesAroundWhatIsTouchedFirst) {
  const auto events = read("t.csv", "0x40201000,r\n0x40200000,w\n0x40400000,x\n");
  const Mmap first{.address = 0x40200000, .length = 2 << 20, .protection = 7, .flags = 0x32};
  Mmap second = first;
  second.address = 0x40400000;
  EXPECT_THAT(events,
              ElementsAre(What(first), What(Access{.page = 0x40201}),
                          What(Access{.page = 0x40200, .touch = Touch::kWrite}), What(second),
                          What(Access{.page = 0x40400, .touch = Touch::kFetch})));
}

TEST_F(Import, OfCsvTakesAHeadingCommentsTimesAndDecimals) {
  EXPECT_THAT(accesses("t.csv", "address,kind,times\n# a comment\n8192,w,3\r\n8193,W\n\n"),
              ElementsAre(Access{.page = 2, .times = 4, .touch = Touch::kWrite}));
  EXPECT_EQ(error_, "");
}

TEST_F(Import, NamesTheLineThatIsWrong) {
  for (const char* wrong : {"x,r", "1", "1,q", "1,r,0", "1,r,2,3", "0x800000000000,r", "-1,r"}) {
    read("t.csv", std::string("4096,r\n") + wrong + "\n");
    EXPECT_THAT(error_, HasSubstr("t.csv: line 2: no record of this format")) << wrong;
  }
  for (const char* wrong : {" L 10", " L zz,8", " Q 10,8", " L 10,8 9", " L ffffffffffffffff,8",
                            " L 1000,4294967297"}) {
    read("t.lackey", std::string("I 1000,1\n") + wrong + "\n");
    EXPECT_THAT(error_, HasSubstr("t.lackey: line 2: ")) << wrong;
  }
}

std::string packed_numbers(std::initializer_list<std::uint64_t> numbers) {
  std::string bytes;
  for (const std::uint64_t number : numbers)
    bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
  return bytes;
}

std::string object(std::uint64_t id, std::uint32_t size) {
  std::string bytes(24, '\0');
  std::memcpy(bytes.data() + 4, &id, sizeof id);
  std::memcpy(bytes.data() + 12, &size, sizeof size);
  return bytes;
}

TEST_F(Import, OfOracleGeneralGivesEachObjectPagesOfItsOwn) {
  const std::string bytes = object(UINT64_MAX, 4097) + object(7, 0) + object(UINT64_MAX, 4097);
  EXPECT_THAT(accesses("t.oracleGeneral", bytes),
              ElementsAre(Access{.page = 0x100000, .pages = 2}, Access{.page = 0x100002},
                          Access{.page = 0x100000, .pages = 2}));
}

TEST_F(Import, OfChampSimFetchesThenReadsThenWrites) {
  const std::string bytes =
      packed_numbers({0x401000, 0, 0x5000, 0, 0x6000, 0, 0, 0x7000, 0x401004, 0, 0, 0, 0, 0, 0, 0});
  const Access fetch{.page = 0x401, .touch = Touch::kFetch};
  EXPECT_THAT(accesses("t.champsim", bytes),
              ElementsAre(fetch, Access{.page = 6}, Access{.page = 7},
                          Access{.page = 5, .touch = Touch::kWrite}, fetch));
}

TEST_F(Import, NamesTheByteWhereABinaryFileIsCut) {
  accesses("t.oracleGeneral", object(1, 1) + object(2, 1).substr(0, 23));
  EXPECT_THAT(error_, HasSubstr("t.oracleGeneral: at byte 24: no record of this format"));
  accesses("t.champsimtrace", std::string(65, 'x'));
  EXPECT_NE(error_, "");
}

std::string gzipped(const std::string& bytes) {
  const Scratch scratch;
  const std::string path = scratch.path() / "packed";
  gzFile out = gzopen(path.c_str(), "wb");
  gzwrite(out, bytes.data(), static_cast<unsigned>(bytes.size()));
  gzclose(out);
  return text_of(path);
}

std::string with_zstd(const std::string& bytes) {
  std::string packed(ZSTD_compressBound(bytes.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), bytes.data(), bytes.size(), 3));
  return packed;
}

TEST_F(Import, UnpacksGzipAndZstdAndSeesWhereTheyAreCut) {
  std::string lines;
  for (unsigned i = 0; i < 40'000; ++i) lines += std::to_string(i * 4096ull) + ",r\n";
  const auto plain = accesses("t.csv", lines);
  ASSERT_EQ(plain.size(), 40'000u);
  for (const auto& [name, packed] : {std::pair{"t.csv.gz", gzipped(lines)},
                                     std::pair{"t.csv.zst", with_zstd(lines)}}) {
    EXPECT_EQ(accesses(name, packed), plain) << name;
    EXPECT_EQ(error_, "") << name;
    accesses(name, packed.substr(0, packed.size() / 2));
    EXPECT_THAT(error_, HasSubstr("ends early")) << name;
    std::string damaged = packed;
    damaged[packed.size() / 2] = static_cast<char>(damaged[packed.size() / 2] ^ 0x55);
    accesses(name, damaged);
  }
}

}  // namespace
}  // namespace quire::trace
