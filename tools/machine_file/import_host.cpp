#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "tools/machine_file/importers.hpp"
#include "tools/machine_file/problems.hpp"
#include "tools/machine_file/sysctl_defaults.hpp"
#include "tools/machine_file/text_forms.hpp"
#include "tools/machine_file/zoneinfo.hpp"

namespace quire::machine_file {
namespace {

constexpr std::string_view kMemmap = "sys/firmware/memmap";
constexpr std::string_view kNodes = "sys/devices/system/node";

// The number in "node12" or "memory12".
std::optional<std::uint64_t> number_after(std::string_view prefix, std::string_view name) {
  if (!name.starts_with(prefix)) return std::nullopt;
  return parse_digits(name.substr(prefix.size()), Base::kDecimal);
}

class HostReader {
 public:
  HostReader(const FileTree& files, Problems& problems) : files_(files), problems_(problems) {}

  MachineFile read() {
    zoneinfo_ = text("proc/zoneinfo");
    machine_.name = trim(text("proc/sys/kernel/hostname"));
    machine_.command_line = trim(text("proc/cmdline"));
    read_arch();
    read_firmware();
    read_nodes();
    read_kernel();
    machine_.managed = managed_pages_of(zoneinfo_);
    std::erase_if(machine_.managed, [&](const ManagedPages& row) {
      const auto zones = zones_of(machine_.arch);
      return index_of(row.node) >= machine_.node_count() ||
             std::ranges::find(zones, row.zone) == zones.end();
    });
    machine_.sysctl = changed_sysctl(files_, machine_.managed);
    return std::move(machine_);
  }

 private:
  [[nodiscard]] std::string text(std::string_view path) const {
    return files_.read(path).value_or("");
  }

  void read_arch() {
    const auto options = split(machine_.command_line, ' ');
    const bool four_levels = std::ranges::find(options, "no5lvl") != options.end();
    const std::string cpuinfo = text("proc/cpuinfo");
    const std::size_t place = cpuinfo.find("\nflags");
    const std::string flags =
        place == std::string::npos
            ? ""
            : cpuinfo.substr(place + 1, cpuinfo.find('\n', place + 1) - place);
    const auto words = split(flags, ' ');
    const bool has_la57 = std::ranges::find(words, "la57") != words.end();
    if (has_la57 && !four_levels) machine_.arch = ArchProfile::kX86_64La57;
    machine_.gib_pages = std::ranges::find(words, "pdpe1gb") != words.end();
    if (zoneinfo_.find("zone  HighMem") != std::string::npos) machine_.arch = ArchProfile::kX86_32;
  }

  // sys/firmware/memmap/N/{start,end,type}; the names are numbers, in the firmware's order.
  void read_firmware() {
    std::vector<std::uint64_t> rows;
    for (const std::string& name : files_.list(kMemmap)) {
      if (const auto number = number_after("", name)) rows.push_back(*number);
    }
    std::ranges::sort(rows);
    for (const std::uint64_t row : rows) {
      const std::string folder = fmt::format("{}/{}/", kMemmap, row);
      const auto start = parse_number(trim(text(folder + "start")));
      const auto last = parse_number(trim(text(folder + "end")));
      if (!start || !last || *last < *start) {
        return problems_.report({0, folder + "start"},
                                "expected a start and an end such as 0x100000, found none");
      }
      if (*last >= kMaxAddress.raw()) continue;
      machine_.firmware_map.push_back(
          {{PhysAddr{*start}, PhysAddr{*last + 1}}, firmware_type_of(trim(text(folder + "type")))});
    }
    if (machine_.firmware_map.empty()) read_iomem_map();
    if (machine_.firmware_map.empty()) {
      problems_.report({0, std::string(kMemmap)},
                       "expected the firmware's map, here or in proc/iomem, found none");
    }
  }

  // Calls visit(range, name) for each row of /proc/iomem; all ranges are 0 to all but root.
  template <class Visit>
  void for_each_iomem_row(Visit visit) const {
    const std::string iomem = text("proc/iomem");
    for (const std::string_view row : split(iomem, '\n')) {
      const std::size_t colon = row.find(" : ");
      if (colon == std::string_view::npos) continue;
      const auto range = parse_hex_range(row.substr(0, colon));
      if (!range || range->end > kMaxAddress || range->length() <= Bytes{1}) continue;
      visit(*range, trim(row.substr(colon + 3)));
    }
  }

  // A kernel without sys/firmware/memmap still shows what became of the map.
  void read_iomem_map() {
    for_each_iomem_row([&](PhysRange range, std::string_view name) {
      const FirmwareType type = firmware_type_of(name);
      if (type != FirmwareType::kReserved || name == "Reserved") {
        machine_.firmware_map.push_back({range, type});
      }
    });
  }

  void read_nodes() {
    std::vector<NodeId> nodes;
    for (const std::string& name : files_.list(kNodes)) {
      const auto number = number_after("node", name);
      if (!number) continue;
      if (*number >= kMaxNodes) {
        return problems_.report({0, fmt::format("{}/{}", kNodes, name)}, "expected nodes below 64");
      }
      nodes.push_back(static_cast<NodeId>(*number));
    }
    std::ranges::sort(nodes);
    if (nodes.size() > 1) {
      read_affinity(nodes);
      read_distances(nodes);
    }
    read_cpus(nodes);
  }

  // The memory blocks linked from each node; a block of two nodes is cut where zoneinfo says that
  // the later one begins.
  void read_affinity(const std::vector<NodeId>& nodes) {
    const auto block =
        parse_digits(trim(text("sys/devices/system/memory/block_size_bytes")), Base::kHexadecimal);
    if (!block || *block == 0 || *block >= kMaxAddress.raw()) return;
    struct Block {
      std::uint64_t number;
      NodeId node;
    };
    std::vector<Block> blocks;
    for (const NodeId node : nodes) {
      for (const std::string& name :
           files_.list(fmt::format("{}/node{}", kNodes, index_of(node)))) {
        const auto number = number_after("memory", name);
        if (number && *number < kMaxAddress.raw() / *block) blocks.push_back({*number, node});
      }
    }
    std::ranges::sort(blocks, {}, [](const Block& b) { return std::pair(b.number, b.node); });
    for (const Block& part : blocks) {
      add_memory({PhysAddr{part.number * *block}, PhysAddr{(part.number + 1) * *block}}, part.node);
    }
  }

  // `range` is not before the last row.
  void add_memory(PhysRange range, NodeId node) {
    auto& rows = machine_.affinity;
    if (!rows.empty() && range.start < rows.back().range.end) {
      const auto starts = node_starts_of(zoneinfo_);
      const auto start = std::ranges::find(starts, node, &NodeStart::node);
      if (start == starts.end()) return;
      range.start = std::max(address_of(start->start), rows.back().range.start);
      if (range.empty()) return;
      rows.back().range.end = std::min(rows.back().range.end, range.start);
      if (rows.back().range.empty()) rows.pop_back();
    }
    if (!rows.empty() && rows.back().node == node && rows.back().range.end == range.start) {
      rows.back().range.end = range.end;
    } else {
      rows.push_back({range, node, false});
    }
  }

  void read_distances(const std::vector<NodeId>& nodes) {
    std::vector<std::vector<unsigned>> rows;
    for (const NodeId from : nodes) {
      const std::string row = text(fmt::format("{}/node{}/distance", kNodes, index_of(from)));
      std::vector<unsigned>& cells = rows.emplace_back();
      for (const std::string_view word : split(row, ' ')) {
        const auto cell = parse_digits(word, Base::kDecimal);
        cells.push_back(static_cast<unsigned>(std::min<std::uint64_t>(cell.value_or(256), 256)));
      }
    }
    machine_.distances = distances_of(rows, nodes);
  }

  // The online CPUs, counted up: Linux's numbers may have holes, ours have none.
  void read_cpus(const std::vector<NodeId>& nodes) {
    std::vector<std::pair<CpuId, NodeId>> owners;
    const auto online = parse_cpu_list(trim(text("sys/devices/system/cpu/online")));
    for (const CpuId cpu : online.value_or(std::vector<CpuId>{}))
      owners.emplace_back(cpu, NodeId{});
    std::ranges::sort(owners);
    owners.erase(std::ranges::unique(owners).begin(), owners.end());
    if (owners.empty()) owners.emplace_back();
    for (const NodeId node : nodes) {
      const auto cpus =
          parse_cpu_list(trim(text(fmt::format("{}/node{}/cpulist", kNodes, index_of(node)))));
      for (const CpuId cpu : cpus.value_or(std::vector<CpuId>{})) {
        const auto owner = std::ranges::find(owners, cpu, &std::pair<CpuId, NodeId>::first);
        if (owner != owners.end()) owner->second = node;
      }
    }
    for (const auto& [cpu, node] : owners) machine_.cpu_nodes.push_back(node);
  }

  void read_kernel() {
    std::vector<ImageRange> sections;
    for_each_iomem_row([&](PhysRange range, std::string_view name) {
      const bool section = name == "Kernel code" || name == "Kernel rodata" ||
                           name == "Kernel data" || name == "Kernel bss";
      if (section) sections.push_back({range, std::string(name), false});
    });
    // No log says what was freed late: Linux frees the gaps, and most of what lies before bss.
    const Bytes whole = kMaxAddress - PhysAddr{};
    machine_.kernel_image = kernel_image_of(
        sections, {.text_gap = whole, .rodata_gap = whole, .initmem = whole, .decrypted = {},
                   .smp_locks = {}});
    if (sections.empty() && debian_kernel_fits(machine_.firmware_map)) {
      machine_.kernel_image = debian_kernel_image();
    }
  }

  const FileTree& files_;
  Problems& problems_;
  std::string zoneinfo_;
  MachineFile machine_;
};

}  // namespace

Parsed<MachineFile> import_host(const FileTree& files) {
  const std::string file = files.name_of("");
  Problems problems(file);
  auto machine = problems.instead_of(HostReader(files, problems).read());
  if (!machine) return machine;
  return checked(*std::move(machine), file);
}

}  // namespace quire::machine_file
