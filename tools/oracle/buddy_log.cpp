#include "tools/oracle/buddy_log.hpp"

#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "tools/machine_file/text_forms.hpp"

namespace quire::oracle {
namespace {

using machine_file::Base;
using machine_file::parse_digits;
using machine_file::split;
using machine_file::trim;
using Words = std::vector<std::string_view>;

constexpr unsigned kMostNodes = 64;
constexpr unsigned kMostCpus = 8192;

std::optional<std::int64_t> parse_signed(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const auto value = parse_digits(text, Base::kDecimal);
  if (!value || *value > std::uint64_t{1} << 62) return std::nullopt;
  return negative ? -static_cast<std::int64_t>(*value) : static_cast<std::int64_t>(*value);
}

// One line, taken apart. The first thing that is not understood stays as its problem.
class Line {
 public:
  explicit Line(std::string_view text) {
    const std::size_t colon = text.find(" :");
    words_ = split(text.substr(0, colon), ' ');
    if (colon != std::string_view::npos) tail_ = trim(text.substr(colon + 2));
    has_tail_ = colon != std::string_view::npos;
  }

  [[nodiscard]] std::string_view kind() const { return words_.empty() ? "" : words_[0]; }
  [[nodiscard]] std::size_t size() const { return words_.size(); }
  [[nodiscard]] std::string_view word(std::size_t at) const {
    return at < words_.size() ? words_[at] : "";
  }
  [[nodiscard]] std::string_view tail() const { return tail_; }
  [[nodiscard]] bool has_tail() const { return has_tail_; }
  [[nodiscard]] const std::string& problem() const { return problem_; }
  void expected(std::string_view what) {
    if (problem_.empty()) problem_ = fmt::format("expected {}", what);
  }

  // The text behind "key=".
  [[nodiscard]] std::optional<std::string_view> find(std::string_view key) const {
    for (const std::string_view word : words_)
      if (word.starts_with(key) && word.substr(key.size()).starts_with('='))
        return word.substr(key.size() + 1);
    return std::nullopt;
  }
  // The number behind "key=", below `limit`.
  unsigned small(std::string_view key, unsigned limit) {
    const auto text = find(key);
    const auto value = text ? parse_digits(*text, Base::kDecimal) : std::nullopt;
    if (value && *value < limit) return static_cast<unsigned>(*value);
    expected(fmt::format("{}=, a number below {}", key, limit));
    return 0;
  }
  std::uint64_t hex(std::string_view text) {
    const auto value = parse_digits(text, Base::kHexadecimal);
    if (!value || *value >> 40 != 0) expected("a page frame number in hexadecimal");
    return value.value_or(0);
  }
  Order order(std::string_view text) {
    const auto value = parse_digits(text, Base::kDecimal);
    if (value && *value <= Order::kMax) return Order{static_cast<unsigned>(*value)};
    expected(fmt::format("an order of at most {}", Order::kMax));
    return Order{};
  }
  Gfp gfp(std::string_view text) {
    const auto value = parse_digits(text, Base::kHexadecimal);
    if (!value || *value > 0xffffffff) expected("gfp flags in hexadecimal");
    return static_cast<Gfp>(value.value_or(0));
  }
  MigrateType type(std::string_view text) {
    const auto value = parse_digits(text, Base::kDecimal);
    if (value && *value <= 4) return type_of_digit(static_cast<unsigned>(*value));
    expected("a migrate type, 0 to 4");
    return MigrateType::kUnmovable;
  }
  // Every "key=number" from word `from` on; `hexadecimal` keys are read so.
  std::map<std::string, std::int64_t> fields(std::size_t from, const Words& hexadecimal = {}) {
    std::map<std::string, std::int64_t> fields;
    for (std::size_t i = from; i < words_.size(); ++i) {
      const std::size_t equals = words_[i].find('=');
      if (equals == std::string_view::npos) continue;
      const std::string_view key = words_[i].substr(0, equals);
      const std::string_view text = words_[i].substr(equals + 1);
      bool is_hex = false;
      for (const std::string_view name : hexadecimal) is_hex |= name == key;
      if (is_hex) fields[std::string(key)] = static_cast<std::int64_t>(hex(text));
      else if (const auto value = parse_signed(text)) fields[std::string(key)] = *value;
    }
    return fields;
  }
  void require(const std::map<std::string, std::int64_t>& fields, const Words& keys) {
    for (const std::string_view key : keys)
      if (!fields.contains(std::string(key))) expected(fmt::format("{}=, a number", key));
  }

 private:
  Words words_;
  std::string_view tail_;
  bool has_tail_ = false;
  std::string problem_;
};

class LogParser {
 public:
  std::expected<BuddyLog, std::string> parse(std::string_view text) {
    while (!text.empty()) {
      const std::size_t end = text.find('\n');
      Line line(text.substr(0, end));
      text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
      ++number_;
      take(line);
      if (!line.problem().empty())
        return std::unexpected(fmt::format("line {}: {}", number_, line.problem()));
    }
    if (!complete_) return std::unexpected(fmt::format("line {}: {}", number_, missing()));
    return std::move(log_);
  }

 private:
  [[nodiscard]] std::string_view missing() const {
    if (number_ == 0 || !header_) return "expected a log that begins with \"# buddy_oracle\"";
    return "the log is cut: expected ENDSTATE after the state at its end";
  }

  void take(Line& line) {
    const std::string_view kind = line.kind();
    if (!header_ && (kind != "#" || line.word(1) != "buddy_oracle"))
      return line.expected("a log that begins with \"# buddy_oracle\"");
    if (kind == "#") return take_header(line);
    if (kind == "STATE") return take_state(line);
    if (kind == "ENDSTATE") return end_state(line);
    if (kind == "OPS" || kind == "ENDOPS" || kind.empty()) return;
    if (state_ != nullptr) return take_state_line(line);
    take_operation(line);
  }

  void take_header(Line& line) {
    if (line.word(1) != "buddy_oracle") return;
    header_ = true;
    log_.node = line.small("nid", kMostNodes);
    log_.grouping_disabled = line.find("page_group_by_mobility_disabled").value_or("0") != "0";
  }

  void take_state(Line& line) {
    if (line.word(1) == "before") state_ = &log_.before;
    else if (line.word(1) == "after") state_ = &log_.after;
    else line.expected("STATE before or STATE after");
  }

  void end_state(Line& line) {
    if (state_ == nullptr || state_->empty()) return line.expected("a state with a zone in it");
    complete_ = state_ == &log_.after && !log_.before.empty();
    state_ = nullptr;
  }

  void take_state_line(Line& line) {
    const std::string_view kind = line.kind();
    if (kind == "ZONE") return take_zone(line);
    if (state_->empty()) return line.expected("a ZONE first");
    ZoneState& zone = state_->back();
    if (kind == "AREA") {
      const unsigned order = line.small("order", kOrderCount);
      zone.nr_free[order] = line.small("nr_free", ~0u);
    } else if (kind == "LIST") {
      const ZoneState::ListId id{line.small("order", kOrderCount),
                                 line.type(line.find("mt").value_or(""))};
      for (const std::string_view pfn : split(line.tail(), ' '))
        zone.lists[id].push_back(line.hex(pfn));
    } else if (kind == "BLOCKS") {
      take_blocks(line, zone);
    } else if (kind == "PCP") {
      PcpState& pcp = zone.cpus[line.small("cpu", kMostCpus)];
      pcp.fields = line.fields(1);
      line.require(pcp.fields, {"count", "high", "batch", "free_factor", "nr_free_diff",
                                "stat_threshold"});
    } else if (kind == "PCPLIST") {
      take_pcp_list(line, zone);
    } else {
      line.expected("a line of a zone's state");
    }
  }

  void take_zone(Line& line) {
    ZoneState zone;
    zone.name = line.find("name").value_or("");
    zone.node = line.small("node", kMostNodes);
    zone.fields = line.fields(1, {"start_pfn", "flags"});
    line.require(zone.fields, {"start_pfn", "spanned", "present", "managed", "min", "low", "high",
                               "boost", "highatomic", "flags", "drift_mark", "nr_free"});
    for (const std::string_view text : split(line.find("lowmem_reserve").value_or(""), ',')) {
      const auto value = parse_signed(text);
      if (!value) return line.expected("lowmem_reserve=, numbers parted by commas");
      zone.lowmem_reserve.push_back(*value);
    }
    zone.fields.erase("lowmem_reserve");
    state_->push_back(std::move(zone));
  }

  static void take_blocks(Line& line, ZoneState& zone) {
    zone.blocks_start = line.hex(line.find("start").value_or(""));
    if (line.find("pages") != "512") line.expected("pageblocks of 512 pages");
    if (line.tail().find_first_not_of("01234-") != std::string_view::npos)
      line.expected("a migrate type, 0 to 4 or a dash, a pageblock");
    zone.blocks = line.tail();
  }

  static void take_pcp_list(Line& line, ZoneState& zone) {
    const auto pcp = zone.cpus.find(line.small("cpu", kMostCpus));
    const unsigned index = line.small("index", kPcpLists);
    if (pcp == zone.cpus.end()) return line.expected("the CPU's PCP line first");
    const MigrateType own = index < kPcpLowLists ? static_cast<MigrateType>(index % kPcpTypes)
                            : index == kPcpLowLists ? MigrateType::kUnmovable
                                                    : MigrateType::kMovable;
    for (const std::string_view entry : split(line.tail(), ' ')) {
      const std::size_t colon = entry.find(':');
      const bool typed = colon != std::string_view::npos;
      pcp->second.lists[index].push_back(
          {line.hex(entry.substr(0, colon)), typed ? line.type(entry.substr(colon + 1)) : own});
    }
  }

  void take_operation(Line& line) {
    Operation operation;
    operation.line = number_;
    const std::string_view kind = line.kind();
    if (kind == "A" && line.size() == 4) {
      operation.what = AllocateOp{line.gfp(line.word(1)), line.order(line.word(2)),
                                  line.hex(line.word(3))};
    } else if (kind == "F" && line.size() == 3) {
      operation.what = FreeOp{line.order(line.word(1)), line.hex(line.word(2))};
    } else if (kind == "D") {
      operation.what = DrainOp{};
    } else if (kind == "B" && line.size() == 3 && line.has_tail()) {
      operation.what = bulk_of(line);
    } else if (kind == "S" && line.has_tail()) {
      operation.what = counts_of(line);
    } else {
      return line.expected("an operation: A gfp order pfn, F order pfn, D, B gfp n : pfns, S ...");
    }
    if (kind != "S") ++operations_;
    operation.number = operations_;
    log_.operations.push_back(std::move(operation));
  }

  static BulkOp bulk_of(Line& line) {
    constexpr std::size_t kMostPages = 1u << 20;
    BulkOp bulk{line.gfp(line.word(1)), 0, {}};
    const auto count = parse_digits(line.word(2), Base::kDecimal);
    if (!count || *count > kMostPages) line.expected("a count of pages");
    bulk.count = count.value_or(0);
    for (const std::string_view pfn : split(line.tail(), ' ')) bulk.pfns.push_back(line.hex(pfn));
    if (bulk.pfns.size() > bulk.count) line.expected("no more pages than were asked for");
    return bulk;
  }

  static CountsOp counts_of(Line& line) {
    CountsOp counts;
    counts.label = line.word(1);
    counts.zone = line.find("zone").value_or("");
    counts.fields = line.fields(2);
    line.require(counts.fields, {"nr_free"});
    counts.fields.erase("op");
    for (const std::string_view part : split(line.tail(), ' ')) {
      const std::size_t equals = part.find('=');
      if (equals == std::string_view::npos) {
        line.expected("counts by migrate type: 0=1,2,...");
        break;
      }
      const MigrateType type = line.type(part.substr(0, equals));
      unsigned order = 0;
      for (const std::string_view text : split(part.substr(equals + 1), ',')) {
        const auto blocks = parse_digits(text, Base::kDecimal);
        if (!blocks || order > Order::kMax) line.expected("a count of blocks for each order");
        counts.blocks[{order++, type}] = blocks.value_or(0);
      }
    }
    return counts;
  }

  std::size_t number_ = 0;
  std::size_t operations_ = 0;
  bool header_ = false;
  bool complete_ = false;
  std::vector<ZoneState>* state_ = nullptr;
  BuddyLog log_;
};

}  // namespace

std::expected<BuddyLog, std::string> parse_buddy_log(std::string_view text) {
  return LogParser().parse(text);
}

MigrateType type_of_digit(unsigned digit) {
  return digit == 4 ? MigrateType::kIsolate : static_cast<MigrateType>(digit);
}

unsigned digit_of(MigrateType type) {
  return type == MigrateType::kIsolate ? 4 : index_of(type);
}

}  // namespace quire::oracle
