#include "tools/oracle/rows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "tools/machine_file/text_forms.hpp"

namespace quire::oracle {
namespace {

using machine_file::trim;

std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

// The words of a line, as blanks part them.
std::vector<std::string_view> words_of(std::string_view line) {
  return machine_file::split(line, ' ');
}

std::string_view without_last(std::string_view word) {
  return word.empty() ? word : word.substr(0, word.size() - 1);
}

std::string_view behind(std::string_view line, std::string_view part) {
  const std::size_t at = line.find(part);
  return at == std::string_view::npos ? line : trim(line.substr(at + part.size()));
}

// What /proc/iomem calls ranges of the firmware's map and of the kernel's image.
constexpr std::array kMemoryRanges = {
    std::string_view{"System RAM"},      std::string_view{"Reserved"},
    std::string_view{"Kernel code"},     std::string_view{"Kernel rodata"},
    std::string_view{"Kernel data"},     std::string_view{"Kernel bss"},
    std::string_view{"ACPI Tables"},     std::string_view{"ACPI Non-volatile Storage"},
    std::string_view{"Crash kernel"},    std::string_view{"Persistent Memory"},
    std::string_view{"Unusable memory"}, std::string_view{"Persistent Memory (legacy)"},
};

bool is_memory_range(std::string_view line) {
  const std::size_t at = line.find(" : ");
  return at == std::string_view::npos ||
         std::ranges::find(kMemoryRanges, line.substr(at + 3)) != kMemoryRanges.end();
}

class RowMaker {
 public:
  explicit RowMaker(std::string_view file) : file_(file), kind_(kind_of(file)) {
    if (file.starts_with("node")) {
      const std::size_t bar = file.find('_');
      prefix_ = fmt::format("node {} ", file.substr(4, bar - 4));
    }
  }

  std::vector<Row> make(std::string_view text) {
    for (number_ = 1; !text.empty(); ++number_) {
      const std::string_view line = take_line(text);
      switch (kind_) {
        case FileKind::kZoneinfo:
          zoneinfo(line);
          break;
        case FileKind::kBuddyinfo:
          buddyinfo(line);
          break;
        case FileKind::kPagetypeinfo:
          pagetypeinfo(line);
          break;
        case FileKind::kMeminfo:
          meminfo(line);
          break;
        case FileKind::kTunables:
          parted(line, '=');
          break;
        case FileKind::kCounters:
          parted(line, ' ');
          break;
        case FileKind::kIomem:
          iomem(line);
          break;
        case FileKind::kSlabinfo:
          slabinfo(line);
          break;
        case FileKind::kOneLine:
          add(std::string(file_), "", line, line);
          break;
      }
    }
    return std::move(rows_);
  }

 private:
  void add(std::string name, std::string_view label, std::string_view line,
           std::string_view value) {
    rows_.push_back(
        {std::move(name), std::string(label), std::string(line), std::string(trim(value))});
  }
  void unknown(std::string_view line) {
    add(fmt::format("{} line {}", file_, number_), "", line, line);
  }

  void zoneinfo(std::string_view line) {
    const auto words = words_of(line);
    if (words.empty()) return unknown(line);
    if (words.size() >= 4 && words[0] == "Node") {
      node_ = fmt::format("node {}", without_last(words[1]));
      zone_ = fmt::format("{} zone {}", node_, words[3]);
      owner_ = zone_;
      return add(fmt::format("{}: header", zone_), "header", line, line);
    }
    std::string_view label = words[0];
    if (words[0] == "pages" && words.size() > 1) label = line.substr(line.find("pages"), 10);
    if (line.starts_with("  vm stats")) label = "vm stats threshold:";
    label = trim(label);
    if (label == "cpu:" && words.size() > 1) owner_ = fmt::format("{} CPU {}", zone_, words[1]);
    if (label == "per-node") owner_ = node_;
    if (label == "pages free" || label == "node_unreclaimable:") owner_ = zone_;
    const std::string_view value = behind(line, label);
    const std::string_view short_label = label.ends_with(':') ? without_last(label) : label;
    const std::string name = fmt::format("{}: {}", owner_, short_label);
    const auto number = machine_file::parse_digits(value, machine_file::Base::kDecimal);
    if (label == "boost") boost_ = number.value_or(0);
    if (number && (label == "min" || label == "low" || label == "high"))
      return add(name, label, line, std::to_string(*number - std::min(*number, boost_)));
    add(name, short_label, line, value);
  }

  // Rows in a device's range stand a step further to the right than the same rows without it.
  void iomem(std::string_view line) {
    const std::size_t blanks = std::min(line.find_first_not_of(' '), line.size());
    open_.resize(std::min(open_.size(), blanks / 2));
    const auto devices = static_cast<std::size_t>(std::ranges::count(open_, true));
    const bool device = !is_memory_range(line);
    open_.push_back(device);
    const std::string_view moved = line.substr(std::min(blanks, devices * 2));
    add(fmt::format("range {}", trim(line)), device ? "devices" : "memory", moved, line);
  }

  // "Node 0, zone      DMA      0      1": the zone is what follows the comma.
  void buddyinfo(std::string_view line) {
    const auto words = words_of(line);
    if (words.size() < 4) return unknown(line);
    const std::string zone = fmt::format("node {} zone {}", without_last(words[1]), words[3]);
    add(zone + ": free blocks by order", "free blocks", line, behind(line, words[3]));
  }

  void pagetypeinfo(std::string_view line) {
    const auto words = words_of(line);
    if (words.size() < 4 || words[0] != "Node") return unknown(line);
    std::string_view zone = words[3];
    if (zone.ends_with(',')) zone.remove_suffix(1);
    const std::string name = fmt::format("node {} zone {}", without_last(words[1]), zone);
    if (words.size() > 5 && words[4] == "type") {
      return add(fmt::format("{} type {}: free blocks by order", name, words[5]), "free blocks",
                 line, behind(line, words[5]));
    }
    add(name + ": pageblocks", "pageblocks", line, behind(line, words[3]));
  }

  // "kmalloc-64   448   448   64   64   1 : tunables ...": what does not follow use is the size of
  // objects, and how many of them are in how many pages.
  void slabinfo(std::string_view line) {
    const auto words = words_of(line);
    if (number_ <= 2 || words.size() < 6) return unknown(line);
    const bool kmalloc = words[0].find("kmalloc-") != std::string_view::npos;
    add(fmt::format("cache {}", words[0]), kmalloc ? "kmalloc caches" : "other caches", line,
        fmt::format("{} {} {}", words[3], words[4], words[5]));
  }

  void meminfo(std::string_view line) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return unknown(line);
    const auto words = words_of(line.substr(0, colon));
    const std::string_view label = words.empty() ? "" : words.back();
    add(prefix_ + std::string(label), label, line, line.substr(colon + 1));
  }

  void parted(std::string_view line, char separator) {
    const std::size_t at = line.find(separator);
    if (at == std::string_view::npos) return unknown(line);
    add(prefix_ + std::string(line.substr(0, at)), line.substr(0, at), line, line.substr(at + 1));
  }

  std::string_view file_;
  FileKind kind_;
  std::string prefix_;
  std::size_t number_ = 0;
  std::string node_;  // of the zone that zoneinfo is at
  std::string zone_;
  std::string owner_;        // of the rows that follow: the zone, a CPU of it, or the node
  std::uint64_t boost_ = 0;  // the zone's, which its next rows include
  std::vector<bool> open_;   // iomem's ranges that the last one lies in: whether devices
  std::vector<Row> rows_;
};

}  // namespace

FileKind kind_of(std::string_view file) {
  if (file == "zoneinfo") return FileKind::kZoneinfo;
  if (file == "buddyinfo") return FileKind::kBuddyinfo;
  if (file == "pagetypeinfo") return FileKind::kPagetypeinfo;
  if (file.ends_with("meminfo")) return FileKind::kMeminfo;
  if (file == "vmstat" || file.ends_with("numastat")) return FileKind::kCounters;
  if (file == "iomem") return FileKind::kIomem;
  if (file == "slabinfo") return FileKind::kSlabinfo;
  if (file == "sys_vm") return FileKind::kTunables;
  return FileKind::kOneLine;
}

std::vector<Row> rows_of(std::string_view file, std::string_view text) {
  return RowMaker(file).make(text);
}

}  // namespace quire::oracle
