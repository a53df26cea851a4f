#include "tools/trace/import.hpp"

#include <array>
#include <charconv>
#include <cstring>
#include <deque>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "tools/trace/unpacked_file.hpp"

namespace quire::trace {
namespace {

constexpr std::uint64_t kEndOfUser = std::uint64_t{1} << 47;  // x86-64 with four levels
constexpr unsigned kMappingShift = 21;
// Of one touch: what libCacheSim's objects can be. Its mappings are all known at once.
constexpr std::uint64_t kLongest = std::uint64_t{1} << 32;
// Where objects that have no address are put.
constexpr std::uint64_t kObjectsPage = std::uint64_t{0x100000000} >> kPageShift;

struct Text {
  std::string_view left;

  void skip_blanks() {
    while (!left.empty() && (left.front() == ' ' || left.front() == '\t')) left.remove_prefix(1);
  }
  bool take(char c) {
    skip_blanks();
    if (left.empty() || left.front() != c) return false;
    left.remove_prefix(1);
    return true;
  }
  template <typename T>
  bool take_number(T& number, int base) {
    skip_blanks();
    const auto [end, error] =
        std::from_chars(left.data(), left.data() + left.size(), number, base);
    if (error != std::errc{}) return false;
    left.remove_prefix(static_cast<std::size_t>(end - left.data()));
    return true;
  }
  bool ended() {
    skip_blanks();
    return left.empty();
  }
};

// What a format's reader says of one record: touches, or that it is wrong.
class Touches {
 public:
  struct Bytes {
    std::uint64_t address = 0;
    std::uint64_t length = 1;
  };

  // False: no address of a program.
  bool put(Bytes bytes, Touch touch, std::uint32_t times = 1) {
    const auto [address, length] = bytes;
    if (length == 0 || length > kLongest || address > kEndOfUser - length) return false;
    const std::uint64_t first = address >> kPageShift;
    const std::uint64_t last = (address + length - 1) >> kPageShift;
    map({first, last});
    const auto pages = static_cast<std::uint32_t>(last - first + 1);
    queue_.push_back({.what = Access{.page = first, .pages = pages, .times = times,
                                     .touch = touch}});
    return true;
  }

  void put_event(What what) { queue_.push_back({.what = std::move(what)}); }

  // The event in front, once no touch can join it; with `all`, at once.
  bool pop(Event& event, bool all) {
    while (queue_.size() >= 2 && join(queue_[0].what, queue_[1].what))
      queue_.erase(queue_.begin() + 1);
    if (queue_.size() < (all ? 1 : 2)) return false;
    event = std::move(queue_.front());
    queue_.pop_front();
    return true;
  }

 private:
  static bool join(What& first, const What& second) {
    auto* const a = std::get_if<Access>(&first);
    const auto* const b = std::get_if<Access>(&second);
    if (a == nullptr || b == nullptr || a->page != b->page || a->pages != b->pages ||
        a->touch != b->touch || a->times > UINT32_MAX - b->times)
      return false;
    a->times += b->times;
    return true;
  }

  struct Pages {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
  };
  void map(Pages pages) {
    constexpr unsigned kShift = kMappingShift - kPageShift;
    for (std::uint64_t area = pages.first >> kShift; area <= pages.last >> kShift; ++area)
      if (mapped_.insert(area).second)
        put_event(Mmap{.address = area << kMappingShift,
                       .length = std::uint64_t{1} << kMappingShift,
                       .protection = 7,    // PROT_READ | PROT_WRITE | PROT_EXEC
                       .flags = 0x32});    // MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS
  }

  std::deque<Event> queue_;
  std::unordered_set<std::uint64_t> mapped_;
};

// valgrind --tool=lackey --trace-mem=yes: "I  04001000,3", " L 1ffe,8", " S ...", " M ...".
bool read_lackey(std::string_view line, Touches& touches) {
  Text text{line};
  if (line.starts_with("==") || text.ended()) return true;
  const char kind = text.left.front();
  text.left.remove_prefix(1);
  Touches::Bytes bytes;
  if (!text.take_number(bytes.address, 16) || !text.take(',') ||
      !text.take_number(bytes.length, 10) || !text.ended())
    return false;
  switch (kind) {
    case 'I':
      return touches.put(bytes, Touch::kFetch);
    case 'L':
      return touches.put(bytes, Touch::kRead);
    case 'S':
      return touches.put(bytes, Touch::kWrite);
    case 'M':
      return touches.put(bytes, Touch::kRead) && touches.put(bytes, Touch::kWrite);
    default:
      return false;
  }
}

// "address,kind[,times]": an address in decimal, or with 0x; kind r, w or x.
bool read_csv(std::string_view line, Touches& touches) {
  Text text{line};
  if (text.ended() || line.starts_with('#')) return true;
  const bool hexadecimal = text.left.starts_with("0x");
  if (hexadecimal) text.left.remove_prefix(2);
  Touches::Bytes bytes;
  if (!text.take_number(bytes.address, hexadecimal ? 16 : 10) || !text.take(',')) return false;
  text.skip_blanks();
  constexpr std::string_view kKinds = "rRwWxX";
  const std::size_t kind = text.left.empty() ? kKinds.npos : kKinds.find(text.left.front());
  if (kind == kKinds.npos) return false;
  text.left.remove_prefix(1);
  std::uint32_t times = 1;
  if (text.take(',') && (!text.take_number(times, 10) || times == 0)) return false;
  return text.ended() && touches.put(bytes, static_cast<Touch>(kind / 2), times);
}

class ImportReader final : public TraceReader {
 public:
  ImportReader(ByteSource source, ImportFormat format)
      : file_(std::move(source)), format_(format) {
    header_.source = "imported";
    header_.command = file_.name();
    header_.processes = header_.threads = 1;
    touches_.put_event(Exec{.path = file_.name()});
  }

  [[nodiscard]] const Header& header() const override { return header_; }
  [[nodiscard]] std::expected<void, TraceError> seek(std::uint64_t) override {
    return std::unexpected(TraceError{.path = file_.name(), .what = "has no index to seek by"});
  }
  [[nodiscard]] unsigned progress() const override {
    if (ended_ || file_.size() == 0) return kProgressWhole;
    return static_cast<unsigned>(file_.offset() * kProgressWhole / file_.size());
  }

  [[nodiscard]] std::expected<const Event*, TraceError> next() override {
    while (!touches_.pop(event_, ended_ || failed_)) {
      if (failed_) return std::unexpected(*failed_);
      if (ended_) return nullptr;
      if (!read_record()) fail();
    }
    return &event_;
  }

 private:
  void fail() {
    const bool text = format_ == ImportFormat::kLackey || format_ == ImportFormat::kCsv;
    failed_ = TraceError{.path = file_.name(),
                         .offset = at_,
                         .what = file_.error().value_or("no record of this format"),
                         .is_text = text};
  }

  // One record more is known, or the file has ended; false when it is wrong.
  bool read_record() {
    switch (format_) {
      case ImportFormat::kLackey:
      case ImportFormat::kCsv:
        return read_line();
      case ImportFormat::kOracleGeneral:
        return read_oracle_general();
      case ImportFormat::kChampSim:
        return read_champsim();
    }
    return false;
  }

  bool read_line() {
    const auto line = file_.line();
    ended_ = !line;
    if (!line) return !file_.error();
    ++at_;
    if (format_ == ImportFormat::kLackey) return read_lackey(*line, touches_);
    const bool heading = at_ == 1 && line->find_first_of("0123456789") == std::string::npos;
    return heading || read_csv(*line, touches_);
  }

  template <std::size_t kSize>
  bool read_bytes(std::array<char, kSize>& bytes) {
    const std::size_t got = file_.read(bytes.data(), kSize);
    ended_ = got == 0;
    if (got == kSize) at_ += kSize;
    return !file_.error() && (got == 0 || got == kSize);
  }

  template <typename T, std::size_t kSize>
  static T number_at(const std::array<char, kSize>& bytes, std::size_t offset) {
    T number;
    std::memcpy(&number, bytes.data() + offset, sizeof number);
    return number;
  }

  // Time (u32), object (u64), size (u32), next access (i64), packed.
  bool read_oracle_general() {
    std::array<char, 24> record;
    if (!read_bytes(record)) return false;
    if (ended_) return true;
    const std::uint64_t size = std::max(number_at<std::uint32_t>(record, 12), 1u);
    const auto [place, is_new] =
        objects_.try_emplace(number_at<std::uint64_t>(record, 4), next_object_);
    if (is_new) next_object_ += (size + (1 << kPageShift) - 1) >> kPageShift;
    return touches_.put({place->second << kPageShift, size}, Touch::kRead);
  }

  // Instruction pointer (u64), 8 bytes of branches and registers, two addresses that are written,
  // four that are read (u64); 0: none.
  bool read_champsim() {
    std::array<char, 64> record;
    if (!read_bytes(record)) return false;
    if (ended_) return true;
    bool good = touches_.put({number_at<std::uint64_t>(record, 0)}, Touch::kFetch);
    for (const std::size_t offset : {32u, 40u, 48u, 56u})
      if (const auto address = number_at<std::uint64_t>(record, offset); address != 0)
        good = good && touches_.put({address}, Touch::kRead);
    for (const std::size_t offset : {16u, 24u})
      if (const auto address = number_at<std::uint64_t>(record, offset); address != 0)
        good = good && touches_.put({address}, Touch::kWrite);
    return good;
  }

  UnpackedFile file_;
  ImportFormat format_;
  Header header_;
  Touches touches_;
  Event event_;
  std::uint64_t at_ = 0;  // line, or byte behind the last record
  bool ended_ = false;
  std::optional<TraceError> failed_;
  std::unordered_map<std::uint64_t, std::uint64_t> objects_;  // to their first page
  std::uint64_t next_object_ = kObjectsPage;
};

}  // namespace

std::optional<ImportFormat> format_of_name(std::string_view path) {
  for (const std::string_view packing : {".gz", ".zst"})
    if (path.ends_with(packing)) path.remove_suffix(packing.size());
  if (path.ends_with(".lackey")) return ImportFormat::kLackey;
  if (path.ends_with(".csv")) return ImportFormat::kCsv;
  if (path.ends_with(".oracleGeneral") || path.ends_with(".oracleGeneral.bin"))
    return ImportFormat::kOracleGeneral;
  if (path.ends_with(".champsim") || path.ends_with(".champsimtrace"))
    return ImportFormat::kChampSim;
  return std::nullopt;
}

OpenedTrace open_import(ByteSource source, ImportFormat format) {
  return std::make_unique<ImportReader>(std::move(source), format);
}

}  // namespace quire::trace
