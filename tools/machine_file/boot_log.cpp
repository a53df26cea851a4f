#include "tools/machine_file/boot_log.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "tools/machine_file/problems.hpp"
#include "tools/machine_file/text_forms.hpp"

namespace quire::machine_file {
namespace {

// What follows `words` in the line, if they stand in it.
std::optional<std::string_view> after(std::string_view line, std::string_view words) {
  const std::size_t place = line.find(words);
  if (place == std::string_view::npos) return std::nullopt;
  return line.substr(place + words.size());
}

// The number that `text` begins with, which is taken off it.
std::optional<std::uint64_t> take_number(std::string_view& text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '#')) text.remove_prefix(1);
  const std::size_t end = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto number = parse_digits(text.substr(0, end), Base::kDecimal);
  if (number) text.remove_prefix(end);
  return number;
}

// "[mem 0x0-0xfff] rest": the range, which is taken off `text`.
std::optional<PhysRange> take_mem_range(std::string_view& text) {
  const std::size_t open = text.find("[mem ");
  const std::size_t close = text.find(']');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) {
    return std::nullopt;
  }
  const auto range = parse_hex_range(text.substr(open + 5, close - open - 5));
  text.remove_prefix(close + 1);
  return range;
}

// The form before Linux 3.5: "0000000000000000 - 000000000009fc00 (usable)", end excluded.
std::optional<PhysRange> take_old_range(std::string_view& text) {
  const std::size_t open = text.find('(');
  const std::size_t close = text.find(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) {
    return std::nullopt;
  }
  auto range = parse_hex_range(text.substr(0, open));
  text = text.substr(open + 1, close - open - 1);
  if (range) range->end = range->end - Bytes{1};
  return range;
}

class Parser {
 public:
  explicit Parser(std::string_view file) : problems_(std::string(file)) {}

  void parse_line(std::string_view line) {
    ++line_;
    if (after(line, "BIOS-e820: ")) return parse_firmware(*after(line, "BIOS-e820: "));
    if (after(line, "SRAT: Node ")) return parse_affinity(*after(line, "SRAT: Node "));
    if (after(line, "SRAT: PXM ")) return parse_apic(*after(line, "SRAT: PXM "));
    if (after(line, "RAMDISK: ")) return parse_ramdisk(*after(line, "RAMDISK: "));
    if (const auto rest = after(line, "Command line: "); rest && !log_.command_line) {
      log_.command_line = std::string(trim(*rest));
      return;
    }
    if (line.find("Using GB pages for direct mapping") != line.npos) log_.gib_pages = true;
    parse_cpus(line);
    parse_distances(line);
    parse_freed(line);
  }

  Parsed<BootLog> finish() {
    if (!log_.cpus) log_.cpus = allowed_;
    return problems_.instead_of(std::move(log_));
  }

 private:
  void expect(std::string_view key, std::string_view expected, std::string_view found) {
    problems_.report({line_, std::string(key)},
                     fmt::format("expected {}, found \"{}\"", expected, trim(found.substr(0, 80))));
  }

  void parse_firmware(std::string_view rest) {
    if (rest.starts_with("[gap ")) return;  // newer kernels print the holes too
    const std::string_view whole = rest;
    const auto range = rest.starts_with('[') ? take_mem_range(rest) : take_old_range(rest);
    if (!range) return expect("BIOS-e820", "\"[mem 0x0-0x9fbff] usable\"", whole);
    if (range->end <= kMaxAddress) {
      log_.firmware.push_back({*range, firmware_type_of(trim(rest))});
    }
  }

  // "0 PXM 0 [mem 0x00000000-0x0009ffff] hotplug"
  void parse_affinity(std::string_view rest) {
    const std::string_view whole = rest;
    const auto node = take_number(rest);
    const auto range = take_mem_range(rest);
    if (!node || *node >= kMaxNodes || !range || range->end > kMaxAddress) {
      return expect("SRAT", "\"Node 0 PXM 0 [mem 0x0-0x9ffff]\"", whole);
    }
    const bool hotplug = rest.find("hotplug") != std::string_view::npos;
    log_.affinity.push_back({*range, static_cast<NodeId>(*node), hotplug});
  }

  // "1 -> APIC 0x02 -> Node 1"
  void parse_apic(std::string_view rest) {
    const auto words = after(rest, "-> Node ");
    auto number = words.value_or("");
    const auto node = take_number(number);
    if (!node || *node >= kMaxNodes) {
      return expect("SRAT", "\"PXM 1 -> APIC 0x02 -> Node 1\"", rest);
    }
    if (log_.apic_nodes.size() < kMaxCpus) log_.apic_nodes.push_back(static_cast<NodeId>(*node));
  }

  void parse_ramdisk(std::string_view rest) {
    const std::string_view whole = rest;
    const auto range = take_mem_range(rest);
    if (!range || range->end > kMaxAddress) {
      return expect("RAMDISK", "\"[mem 0x7e7b000-0x7fdffff]\"", whole);
    }
    log_.ramdisk = *range;
  }

  void parse_cpus(std::string_view line) {
    if (auto rest = after(line, "Allowing ")) {
      const auto count = take_number(*rest);
      if (!count || (!rest->starts_with(" CPUs, ") && !rest->starts_with(" present CPUs"))) return;
      auto hotplug = rest->starts_with(" CPUs, ") ? rest->substr(7) : std::string_view("0");
      const std::uint64_t absent = take_number(hotplug).value_or(0);
      if (absent < *count && *count <= kMaxCpus) allowed_ = *count - absent;
      return;
    }
    if (const auto rest = after(line, "smp: Brought up ")) {
      auto number = after(*rest, ", ").value_or("");
      const auto count = take_number(number);
      if (!count || *count == 0 || *count > kMaxCpus)
        return expect("smp", "\"1 node, 2 CPUs\"", *rest);
      log_.cpus = *count;
      return;
    }
    if (auto rest = after(line, ".... node ")) parse_started(*rest);
  }

  // " #1, CPUs:      #1 #2 #3"
  void parse_started(std::string_view rest) {
    const auto node = take_number(rest);
    auto cpus = after(rest, "CPUs:");
    if (!node || *node >= kMaxNodes || !cpus) return;
    while (const auto cpu = take_number(*cpus)) {
      if (*cpu >= kMaxCpus || log_.started.size() >= kMaxCpus) return;
      log_.started.push_back({static_cast<CpuId>(*cpu), static_cast<NodeId>(*node)});
    }
  }

  // A table as `numactl --hardware` prints it: "node distances:", "node   0   1", "  0:  10  21".
  void parse_distances(std::string_view line) {
    if (after(line, "node distances:")) {
      log_.distances.clear();
      in_distances_ = true;
      return;
    }
    if (!in_distances_) return;
    std::string_view row = trim(after(line, "NUMA: ").value_or(line));
    if (row.starts_with("node ")) return;
    const auto number = take_number(row);
    if (!number || *number != log_.distances.size() || !row.starts_with(':')) {
      in_distances_ = false;
      return;
    }
    std::vector<unsigned> cells;
    for (const std::string_view word : split(row.substr(1), ' ')) {
      const auto cell = parse_digits(word, Base::kDecimal);
      if (!cell || *cell > 255) return expect("distances", "numbers up to 255", row);
      cells.push_back(static_cast<unsigned>(*cell));
    }
    log_.distances.push_back(std::move(cells));
  }

  void parse_freed(std::string_view line) {
    if (!after(line, "Freeing ")) return;
    auto size = [&](std::string_view words) -> std::optional<Bytes> {
      auto rest = after(line, words);
      const auto kibibytes = rest ? take_number(*rest) : std::nullopt;
      if (!kibibytes || *kibibytes > (std::uint64_t{1} << 40)) return std::nullopt;
      return kib(*kibibytes);
    };
    FreedLate& freed = log_.freed;
    if (const auto bytes = size("Freeing initrd memory: ")) log_.initrd_freed = *bytes;
    freed.smp_locks = size("Freeing SMP alternatives memory: ").value_or(freed.smp_locks);
    freed.decrypted = size("Freeing unused decrypted memory: ").value_or(freed.decrypted);
    freed.initmem = size("kernel image (initmem) memory: ").value_or(freed.initmem);
    freed.text_gap = size("kernel image (text/rodata gap) memory: ").value_or(freed.text_gap);
    freed.rodata_gap = size("kernel image (rodata/data gap) memory: ").value_or(freed.rodata_gap);
  }

  Problems problems_;
  BootLog log_;
  std::size_t line_ = 0;
  std::optional<std::size_t> allowed_;
  bool in_distances_ = false;
};

}  // namespace

FirmwareType firmware_type_of(std::string_view name) {
  struct Row {
    std::string_view words;
    FirmwareType type;
  };
  constexpr std::array<Row, 9> kRows = {{
      {"usable", FirmwareType::kUsable},
      {"System RAM", FirmwareType::kUsable},
      {"ACPI data", FirmwareType::kAcpiData},
      {"ACPI Tables", FirmwareType::kAcpiData},
      {"ACPI NVS", FirmwareType::kAcpiNvs},
      {"ACPI Non-volatile Storage", FirmwareType::kAcpiNvs},
      {"unusable", FirmwareType::kUnusable},
      {"Unusable memory", FirmwareType::kUnusable},
      {"persistent (type 7)", FirmwareType::kPersistent},
  }};
  const auto row = std::ranges::find(kRows, name, &Row::words);
  if (row != kRows.end()) return row->type;
  return name == "Persistent Memory" ? FirmwareType::kPersistent : FirmwareType::kReserved;
}

Parsed<BootLog> parse_boot_log(std::string_view text, std::string_view file) {
  Parser parser(file);
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    parser.parse_line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parser.finish();
}

std::vector<NodeId> cpu_nodes_of(const BootLog& log, std::size_t cpus) {
  std::vector<NodeId> nodes(std::max<std::size_t>(cpus, 1), NodeId{});
  const std::size_t known = std::min(nodes.size(), log.apic_nodes.size());
  std::copy_n(log.apic_nodes.begin(), known, nodes.begin());
  for (const BootLog::Started& started : log.started) {
    if (index_of(started.cpu) < nodes.size()) nodes[index_of(started.cpu)] = started.node;
  }
  return nodes;
}

}  // namespace quire::machine_file
