#include <fmt/format.h>

#include <algorithm>
#include <fstream>

#include "tools/machine_file/cost_keys.hpp"
#include "tools/machine_file/kernel_image.hpp"
#include "tools/machine_file/machine_file.hpp"
#include "tools/machine_file/text_forms.hpp"

namespace quire::machine_file {
namespace {

// A basic TOML string: quoted, control characters escaped.
std::string quote(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      quoted += fmt::format("\\u{:04x}", byte);
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

std::string hex(PhysAddr address) { return fmt::format("{:#x}", address.raw()); }

std::string_view name_of_arch(ArchProfile arch) {
  switch (arch) {
    case ArchProfile::kX86_64La57:
      return "x86_64_la57";
    case ArchProfile::kX86_32:
      return "x86_32";
    default:
      return "x86_64";
  }
}

std::string_view name_of_model(MemoryModel model) {
  switch (model) {
    case MemoryModel::kFlat:
      return "flatmem";
    case MemoryModel::kDiscontig:
      return "discontigmem";
    default:
      return "sparsemem";
  }
}

std::string_view name_of_type(FirmwareType type) {
  switch (type) {
    case FirmwareType::kUsable:
      return "usable";
    case FirmwareType::kAcpiData:
      return "acpi_data";
    case FirmwareType::kAcpiNvs:
      return "acpi_nvs";
    case FirmwareType::kUnusable:
      return "unusable";
    case FirmwareType::kPersistent:
      return "persistent";
    default:
      return "reserved";
  }
}

class Writer {
 public:
  explicit Writer(const MachineFile& machine) : machine_(machine) {}

  std::string write() {
    write_identity();
    write_firmware();
    write_nodes();
    if (machine_.gib_pages) line("\n[cpu]\ngib_pages = true");
    write_tlb();
    write_cost();
    write_kernel();
    write_rest();
    return std::move(out_);
  }

 private:
  template <class... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    out_ += fmt::format(format, std::forward<Args>(args)...);
    out_ += '\n';
  }

  // Whether [[node]] can say which memory is whose: rows in the order of nodes, none hot-pluggable.
  [[nodiscard]] bool nodes_hold_ranges() const {
    return std::ranges::is_sorted(machine_.affinity, {}, &AffinityRange::node) &&
           std::ranges::none_of(machine_.affinity, &AffinityRange::hotpluggable);
  }
  // One node that needs no [[node]].
  [[nodiscard]] bool single() const {
    return machine_.node_count() == 1 && machine_.affinity.empty();
  }

  void write_identity() {
    if (!machine_.name.empty()) line("name = {}", quote(machine_.name));
    line("arch = \"{}\"", name_of_arch(machine_.arch));
    line("memory_model = \"{}\"", name_of_model(machine_.memory_model));
    if (!machine_.command_line.empty()) line("command_line = {}", quote(machine_.command_line));
    const bool counted = single() || is_default_cpus();
    if (counted && !machine_.cpu_nodes.empty()) line("cpus = {}", machine_.cpu_nodes.size());
    if (machine_.local_access_ns != MachineSpec{}.local_access_ns)
      line("local_access_ns = {}", machine_.local_access_ns);
    if (machine_.distances.empty()) return;
    line("distances = [");
    // As many rows as it has, not as many as there are nodes: whoever reads it back will tell.
    std::size_t nodes = 1;
    while (nodes * nodes < machine_.distances.size()) ++nodes;
    for (std::size_t row = 0; row < nodes; ++row) {
      std::string cells;
      for (std::size_t column = 0; column < nodes; ++column) {
        cells +=
            fmt::format("{}{}", column == 0 ? "" : ", ", machine_.distances[row * nodes + column]);
      }
      line("  [{}],", cells);
    }
    line("]");
  }

  // Several nodes, and all CPUs on the first: said by one number too.
  [[nodiscard]] bool is_default_cpus() const {
    return std::ranges::all_of(machine_.cpu_nodes, [](NodeId node) { return node == NodeId{}; });
  }

  void write_firmware() {
    for (const FirmwareRange& row : machine_.firmware_map) {
      line("\n[[firmware]]\nstart = {}\nend = {}\ntype = \"{}\"", hex(row.range.start),
           hex(row.range.end - Bytes{1}), name_of_type(row.type));
    }
  }

  void write_nodes() {
    if (single()) return;
    const bool in_nodes = nodes_hold_ranges();
    for (std::size_t i = 0; i < machine_.node_count(); ++i) {
      const auto node = static_cast<NodeId>(i);
      line("\n[[node]]");
      std::string ranges;
      for (const AffinityRange& row : machine_.affinity) {
        if (row.node != node) continue;
        ranges += fmt::format("{}[{}, {}]", ranges.empty() ? "" : ", ", hex(row.range.start),
                              hex(row.range.end - Bytes{1}));
      }
      if (in_nodes && !ranges.empty()) line("memory = [{}]", ranges);
      if (!is_default_cpus()) write_cpus(node);
    }
    if (in_nodes) return;
    for (const AffinityRange& row : machine_.affinity) {
      line("\n[[affinity]]\nstart = {}\nend = {}\nnode = {}", hex(row.range.start),
           hex(row.range.end - Bytes{1}), index_of(row.node));
      if (row.hotpluggable) line("hotplug = true");
    }
  }

  void write_cpus(NodeId node) {
    std::vector<CpuId> cpus;
    for (std::size_t cpu = 0; cpu < machine_.cpu_nodes.size(); ++cpu) {
      if (machine_.cpu_nodes[cpu] == node) cpus.push_back(static_cast<CpuId>(cpu));
    }
    if (!cpus.empty()) line("cpus = \"{}\"", format_cpu_list(cpus));
  }

  void write_tlb() {
    const TlbSpec& tlb = machine_.tlb;
    if (!tlb.modelled) return;
    line("\n[tlb]\ncheck = {}\nasids = {}", tlb.check, tlb.asids);
    const auto cache = [this](std::string_view name, TlbSize size) {
      line("{} = {{ entries = {}, ways = {} }}", name, size.entries, size.ways);
    };
    cache("small", tlb.small);
    cache("second", tlb.second);
    cache("large", tlb.large);
    cache("giant", tlb.giant);
  }

  void write_cost() {
    if (machine_.cost == CostModel{}) return;
    line("\n[cost]");
    for (const CostKey& key : kCostKeys) line("{} = {}", key.name, machine_.cost.*key.value);
  }

  void write_kernel() {
    const KernelProfile& profile = machine_.profile;
    line("\n[kernel]\nmemmap_bytes = {}", profile.memmap_bytes.raw());
    line("init_on_alloc = {}\ninit_on_free = {}", profile.init_on_alloc, profile.init_on_free);
    line("page_poisoning = {}\npage_owner = {}", profile.page_poisoning, profile.page_owner);
    line("debug_tlbflush = {}", profile.debug_tlbflush);
    line("panic_on_warn = {}\nframe_content = {}", profile.panic_on_warn, profile.frame_content);
    if (!machine_.initrd.empty()) {
      line("initrd = {{ start = {}, end = {} }}", hex(machine_.initrd.start),
           hex(machine_.initrd.end - Bytes{1}));
    }
    if (machine_.kernel_image.empty()) line("image = \"none\"");
    for (const ImageRange& part : machine_.kernel_image) {
      line("\n[[kernel.image]]\nstart = {}\nend = {}", hex(part.range.start),
           hex(part.range.end - Bytes{1}));
      if (!part.name.empty()) line("name = {}", quote(part.name));
      if (part.freed) line("freed = true");
    }
  }

  void write_rest() {
    if (!machine_.sysctl.empty()) line("\n[sysctl]");
    for (const Sysctl& setting : machine_.sysctl) {
      const bool vm = setting.name.starts_with("vm.") &&
                      setting.name.find_first_of("./", 3) == std::string::npos &&
                      setting.name.size() > 3;
      line("{} = {}", quote(vm ? setting.name.substr(3) : setting.name), quote(setting.value));
    }
    for (const ManagedPages& row : machine_.managed) {
      line("\n[[managed]]\nnode = {}\nzone = \"{}\"\npages = {}", index_of(row.node),
           name_of(row.zone), row.managed.raw());
    }
    for (const Disk& disk : machine_.disks) {
      line("\n[[disk]]\nname = {}\nsize = \"{}\"", quote(disk.name), format_size(disk.size));
      if (disk.rotational) line("rotational = true");
    }
    for (const SwapArea& area : machine_.swap_areas) {
      line("\n[[swap]]\nsize = \"{}\"", format_size(area.size));
      if (!area.name.empty()) line("name = {}", quote(area.name));
      if (!area.disk.empty()) line("disk = {}", quote(area.disk));
      if (area.priority) line("priority = {}", *area.priority);
    }
  }

  const MachineFile& machine_;
  std::string out_;
};

}  // namespace

std::string write_text(const MachineFile& machine) { return Writer(machine).write(); }

Parsed<void> write(const MachineFile& machine, const std::filesystem::path& path) {
  std::ofstream stream(path, std::ios::binary);
  stream << write_text(machine);
  stream.flush();
  if (stream) return {};
  return std::unexpected(ParseError{path.string(), 0, "", "expected a file that can be written"});
}

}  // namespace quire::machine_file
