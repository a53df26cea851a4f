#include <algorithm>
#include <utility>

#include "tools/machine_file/importers.hpp"
#include "tools/machine_file/json_reader.hpp"
#include "tools/machine_file/pc_layout.hpp"
#include "tools/machine_file/text_forms.hpp"
#include "tools/machine_file/zoneinfo.hpp"

namespace quire::machine_file {
namespace {

// machine.json as a document; a syntax error says the line it stands on.
Parsed<Json> parse_json(std::string_view text, std::string_view file) {
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& error) {
    const auto end = text.begin() + static_cast<std::ptrdiff_t>(std::min(error.byte, text.size()));
    const auto line = static_cast<std::size_t>(std::count(text.begin(), end, '\n')) + 1;
    return std::unexpected(ParseError{std::string(file), line, "", "expected JSON, found none"});
  } catch (const Json::out_of_range&) {
    return std::unexpected(ParseError{std::string(file), 0, "", "expected numbers below 10^308"});
  }
}

class CaptureReader {
 public:
  CaptureReader(const Json& document, const BootLog& log, Problems& problems)
      : root_(document, "", problems), log_(log) {}

  MachineFile read() {
    machine_.command_line = root_.text("cmdline").value_or(log_.command_line.value_or(""));
    read_firmware();
    read_affinity();
    if (machine_.firmware_map.empty()) lay_out_spec();
    read_distances();
    read_cpus();
    read_kernel();
    if (const auto spec = root_.field("spec")) read_spec(*spec);
    return std::move(machine_);
  }

 private:
  void read_firmware() {
    if (const auto rows = root_.field("e820")) {
      for (const JsonField& row : rows->items()) {
        const auto range = row.range();
        const auto type = row.text("type");
        if (!range) return;
        machine_.firmware_map.push_back({*range, firmware_type_of(trim(type.value_or("")))});
      }
    }
    if (machine_.firmware_map.empty()) machine_.firmware_map = log_.firmware;
  }

  void read_affinity() {
    const auto rows = root_.field("srat");
    if (!rows) {
      machine_.affinity = log_.affinity;
      return;
    }
    for (const JsonField& row : rows->items()) {
      const auto range = row.range();
      const auto node = row.number("node");
      if (!range) return;
      if (!node || *node >= kMaxNodes) return row.report_expected("a range with a node below 64");
      machine_.affinity.push_back({*range, static_cast<NodeId>(*node), is_hotpluggable(*range)});
    }
  }

  // A capture whose log was lost still says what QEMU was asked for.
  void lay_out_spec() {
    const auto spec = root_.field("spec");
    if (!spec || !spec->value().is_object()) return;
    std::vector<Bytes> sizes;
    if (const auto nodes = spec->field("nodes")) {
      for (const JsonField& node : nodes->items()) {
        sizes.push_back(parse_size(node.text("mem").value_or("")).value_or(Bytes{}));
      }
    }
    const auto ram = parse_size(spec->text("ram").value_or("")).value_or(Bytes{});
    if (!ram || ram > kPcMaxRam || sizes.size() > kMaxNodes) return;
    machine_.firmware_map = pc_firmware_map(ram);
    const bool sane = std::ranges::all_of(sizes, [](Bytes size) { return size <= kPcMaxRam; });
    if (sane) machine_.affinity = pc_affinity(sizes);
  }

  [[nodiscard]] bool is_hotpluggable(PhysRange range) const {
    return std::ranges::any_of(log_.affinity, [&](const AffinityRange& row) {
      return row.range == range && row.hotpluggable;
    });
  }

  void read_distances() {
    const auto rows = root_.field("distance");
    if (!rows) return;
    std::vector<std::vector<unsigned>> numbers;
    for (const JsonField& row : rows->items()) {
      std::vector<unsigned> cells;
      for (const JsonField& cell : row.items()) {
        const Json& value = cell.value();
        if (!value.is_number_unsigned() || value.get<std::uint64_t>() > 255) {
          return cell.report_expected("a distance of at most 255");
        }
        cells.push_back(value.get<unsigned>());
      }
      numbers.push_back(std::move(cells));
    }
    machine_.distances = distances_of(numbers, online_nodes(numbers.size()));
    if (machine_.distances.empty() && numbers.size() > 1) {
      rows->report_expected("as many numbers in each row as there are rows, one a node");
    }
  }

  // The nodes that the rows of the distances are of: those that node_cpus names.
  [[nodiscard]] std::vector<NodeId> online_nodes(std::size_t rows) const {
    std::vector<NodeId> nodes;
    if (const auto cpus = root_.field("node_cpus"); cpus && cpus->value().is_object()) {
      for (const auto& [number, unused] : cpus->value().items()) {
        const auto node = parse_digits(number, Base::kDecimal);
        if (node && *node < kMaxNodes) nodes.push_back(static_cast<NodeId>(*node));
      }
    }
    std::ranges::sort(nodes);
    return nodes.size() == rows ? nodes : first_nodes(rows);
  }

  // node_cpus: {"0": "0-1", "1": ""}. Linux's numbers may have holes; ours are counted up.
  void read_cpus() {
    std::vector<std::pair<CpuId, NodeId>> owners;
    if (const auto nodes = root_.field("node_cpus"); nodes && nodes->value().is_object()) {
      for (const auto& [number, unused] : nodes->value().items()) {
        const auto node = parse_digits(number, Base::kDecimal);
        const auto list = nodes->text(number);
        const auto cpus = parse_cpu_list(list.value_or(""));
        if (!node || *node >= kMaxNodes || !cpus) {
          return nodes->report_expected("CPU lists such as \"0-3\" by node");
        }
        for (const CpuId cpu : *cpus) owners.emplace_back(cpu, static_cast<NodeId>(*node));
      }
    }
    std::ranges::sort(owners);
    const auto again = std::ranges::unique(owners, {}, &std::pair<CpuId, NodeId>::first);
    owners.erase(again.begin(), again.end());
    for (const auto& [cpu, node] : owners) machine_.cpu_nodes.push_back(node);
    if (owners.empty()) machine_.cpu_nodes = cpu_nodes_of(log_, log_.cpus.value_or(1));
  }

  void read_kernel() {
    const auto rows = root_.field("kernel_sections");
    std::vector<ImageRange> sections;
    if (rows) {
      for (const JsonField& row : rows->items()) {
        const auto range = row.range();
        if (!range) return;
        sections.push_back({*range, row.text("name").value_or(""), false});
      }
    }
    machine_.kernel_image = kernel_image_of(sections, log_.freed);
    // A log that was lost says nothing of what was freed, but the same kernel frees the same.
    const std::vector<ImageRange> debian = debian_kernel_image();
    std::vector<ImageRange> named = debian;
    std::erase_if(named, &ImageRange::freed);
    if (!log_.freed.initmem && sections == named) machine_.kernel_image = debian;
    take_initrd(log_, machine_);
    machine_.gib_pages = log_.gib_pages;
  }

  void read_spec(const JsonField& spec) {
    // QEMU's "max" has five levels of page tables, and the kernel uses them unless told not to.
    const CommandLine options(machine_.command_line);
    if (spec.value().is_object() && spec.text("cpu") == "max" && !options.has("no5lvl"))
      machine_.arch = ArchProfile::kX86_64La57;
    if (const auto settings = spec.field("sysctl"); settings && settings->value().is_object()) {
      for (const auto& [name, value] : settings->value().items()) add_sysctl(name, value);
    }
    if (const auto swap = spec.field("swap")) {
      if (add_disk(*swap, "swap")) {
        machine_.swap_areas.push_back({"", machine_.disks.back().size, "swap", std::nullopt});
      }
    }
    if (const auto disk = spec.field("fs")) {
      const auto size = disk->value().is_object() ? disk->field("size") : disk;
      if (size) add_disk(*size, "fs");
    }
  }

  void add_sysctl(const std::string& name, const Json& value) {
    constexpr std::string_view kFolder = "/proc/sys/";
    std::string dotted = name;
    if (name.starts_with(kFolder)) {
      dotted = name.substr(kFolder.size());
      std::ranges::replace(dotted, '/', '.');
    } else if (name.find_first_of("./") == std::string::npos) {
      dotted = "vm." + name;
    }
    const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    const auto known = std::ranges::find(machine_.sysctl, dotted, &Sysctl::name);
    if (known != machine_.sysctl.end()) machine_.sysctl.erase(known);
    machine_.sysctl.push_back({dotted, text});
  }

  // The test kernel counts its virtio disks as rotational.
  bool add_disk(const JsonField& size, std::string name) {
    if (size.value().is_null()) return false;
    const auto bytes =
        size.value().is_string() ? parse_size(size.value().get<std::string>()) : std::nullopt;
    if (!bytes || !*bytes || *bytes > kMaxAddress - PhysAddr{}) {
      size.report_expected("a size such as \"512M\"");
      return false;
    }
    machine_.disks.push_back({std::move(name), *bytes, true});
    return true;
  }

  JsonField root_;
  const BootLog& log_;
  MachineFile machine_;
};

// Rows of nodes that the description does not know are left out.
std::vector<ManagedPages> managed_of(const FileTree& files, const MachineFile& machine) {
  std::vector<ManagedPages> rows = managed_pages_of(files.read("boot/zoneinfo").value_or(""));
  std::erase_if(
      rows, [&](const ManagedPages& row) { return index_of(row.node) >= machine.node_count(); });
  return rows;
}

}  // namespace

Parsed<MachineFile> import_capture(const FileTree& files, std::string_view description) {
  const std::string file = files.name_of(description);
  const auto text = files.read(description);
  if (!text) {
    return std::unexpected(
        ParseError{file, 0, "", "expected a capture's machine.json, found nothing readable"});
  }
  const auto document = parse_json(*text, file);
  if (!document) return std::unexpected(document.error());
  const auto log = parse_boot_log(files.read("dmesg").value_or(""), files.name_of("dmesg"));
  if (!log) return std::unexpected(log.error());
  Problems problems(file);
  MachineFile machine = CaptureReader(*document, *log, problems).read();
  if (machine.firmware_map.empty()) {
    problems.report({0, "e820"}, "expected the firmware's map, here or in dmesg, found none");
  }
  machine.managed = managed_of(files, machine);
  auto whole = problems.instead_of(std::move(machine));
  if (!whole) return whole;
  return checked(*std::move(whole), file);
}

}  // namespace quire::machine_file
