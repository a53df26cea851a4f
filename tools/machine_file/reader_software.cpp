#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "tools/machine_file/kernel_image.hpp"
#include "tools/machine_file/reader_parts.hpp"
#include "tools/machine_file/text_forms.hpp"

namespace quire::machine_file {
namespace {

constexpr std::int64_t kMaxMemmapBytes = 4096;
constexpr Limits kSwapPriorities{-1, 32767};

void read_profile(const TomlTable& kernel, KernelProfile& profile) {
  if (const auto bytes = kernel.integer("memmap_bytes", {1, kMaxMemmapBytes})) {
    profile.memmap_bytes = Bytes{static_cast<std::uint64_t>(*bytes)};
  }
  auto read_flag = [&](std::string_view key, bool& flag) {
    flag = kernel.flag(key).value_or(flag);
  };
  read_flag("init_on_alloc", profile.init_on_alloc);
  read_flag("init_on_free", profile.init_on_free);
  read_flag("page_poisoning", profile.page_poisoning);
  read_flag("page_owner", profile.page_owner);
  read_flag("debug_tlbflush", profile.debug_tlbflush);
  read_flag("panic_on_warn", profile.panic_on_warn);
  read_flag("frame_content", profile.frame_content);
}

void read_image(const TomlTable& kernel, MachineFile& machine) {
  const toml::node* image = kernel.node("image");
  if (!image || image->is_string()) {
    const bool fits =
        machine.arch != ArchProfile::kX86_32 && debian_kernel_fits(machine.firmware_map);
    const bool debian =
        kernel.choice<bool>("image", {{"debian-6.1", true}, {"none", false}}).value_or(fits);
    if (image && debian && !fits) {
      kernel.report("image",
                    "expected usable RAM of an x86_64 machine at 0x1000000-0x37fffff, "
                    "where this image lies");
    }
    if (debian) machine.kernel_image = debian_kernel_image();
    return;
  }
  if (!image->is_array()) {
    return kernel.report_expected("image", "\"debian-6.1\", \"none\" or a list of tables");
  }
  for (const TomlTable& part : kernel.tables("image")) {
    part.allow_only({"start", "end", "size", "name", "freed"});
    const auto range = part.range();
    if (!range) continue;
    machine.kernel_image.push_back(
        {*range, part.text("name").value_or(""), part.flag("freed").value_or(false)});
  }
}

void read_initrd(const TomlTable& kernel, MachineFile& machine) {
  const auto initrd = kernel.table("initrd");
  if (!initrd) return;
  initrd->allow_only({"start", "end", "size"});
  machine.initrd = initrd->range().value_or(PhysRange{});
}

std::optional<std::string> sysctl_value(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return std::to_string(number->get());
  if (const auto* flag = node.as_boolean()) return flag->get() ? "1" : "0";
  const auto* list = node.as_array();
  if (!list) return std::nullopt;
  std::string value;
  for (const toml::node& item : *list) {
    const auto* number = item.as_integer();
    if (!number) return std::nullopt;
    value += fmt::format("{}{}", value.empty() ? "" : " ", number->get());
  }
  return value;
}

struct PlacedSysctl {
  toml::source_position place;
  Sysctl setting;
};

// A TOML table has no order of its own, so the settings are sorted by where they stand. An
// unquoted `vm.swappiness` is a table `vm` to TOML.
void collect_sysctl(const toml::table& table, const std::string& prefix,
                    std::vector<PlacedSysctl>& found, Problems& problems) {
  for (const auto& [key, node] : table) {
    const std::string path =
        prefix.empty() ? std::string(key.str()) : prefix + '.' + std::string(key.str());
    if (const auto* inner = node.as_table()) {
      collect_sysctl(*inner, path, found, problems);
      continue;
    }
    const auto value = sysctl_value(node);
    if (!value) {
      problems.report(
          {key.source().begin.line, "sysctl." + path},
          "expected a string, a number, a boolean or a list of numbers, found " + describe(node));
      continue;
    }
    const bool whole = path.find_first_of("./") != std::string::npos;
    found.push_back({key.source().begin, {whole ? path : "vm." + path, *value}});
  }
}

void read_sysctl(const TomlTable& root, MachineFile& machine) {
  if (!root.table("sysctl")) return;
  std::vector<PlacedSysctl> found;
  collect_sysctl(*root.node("sysctl")->as_table(), "", found, root.problems());
  std::ranges::sort(found,
                    [](const PlacedSysctl& a, const PlacedSysctl& b) { return a.place < b.place; });
  for (PlacedSysctl& placed : found) {
    const std::string& name = placed.setting.name;
    if (std::ranges::find(machine.sysctl, name, &Sysctl::name) != machine.sysctl.end()) {
      root.problems().report({placed.place.line, "sysctl." + name},
                             "expected each setting once, found it again");
      return;
    }
    machine.sysctl.push_back(std::move(placed.setting));
  }
}

void read_managed(const TomlTable& root, MachineFile& machine) {
  for (const TomlTable& row : root.tables("managed")) {
    row.allow_only({"node", "zone", "pages"});
    const auto last = static_cast<std::int64_t>(machine.node_count()) - 1;
    const auto node = row.integer("node", {0, last});
    const auto zone = row.choice<ZoneType>("zone", {{"DMA", ZoneType::kDma},
                                                    {"DMA32", ZoneType::kDma32},
                                                    {"Normal", ZoneType::kNormal},
                                                    {"HighMem", ZoneType::kHighMem},
                                                    {"Movable", ZoneType::kMovable},
                                                    {"Device", ZoneType::kDevice}});
    const auto pages = row.integer("pages", {0, std::int64_t{1} << 40});
    if (!row.has("node") || !row.has("zone") || !row.has("pages")) {
      row.report("", "expected \"node\", \"zone\" and \"pages\"");
    }
    if (!node || !zone || !pages) continue;
    const auto id = static_cast<NodeId>(*node);
    if (std::ranges::find(zones_of(machine.arch), *zone) == zones_of(machine.arch).end()) {
      row.report_expected("zone", "a zone of this arch");
    }
    if (std::ranges::any_of(machine.managed, [&](const ManagedPages& other) {
          return other.node == id && other.zone == *zone;
        })) {
      row.report("zone", fmt::format("expected each zone once, found {} of node {} again",
                                     name_of(*zone), *node));
    }
    machine.managed.push_back({id, *zone, PageCount{static_cast<std::uint64_t>(*pages)}});
  }
}

void read_disks(const TomlTable& root, MachineFile& machine) {
  for (const TomlTable& row : root.tables("disk")) {
    row.allow_only({"name", "size", "rotational"});
    if (!row.has("name") || !row.has("size")) row.report("", "expected \"name\" and \"size\"");
    machine.disks.push_back({row.text("name").value_or(""), row.size("size").value_or(Bytes{}),
                             row.flag("rotational").value_or(false)});
  }
}

void read_swap_areas(const TomlTable& root, MachineFile& machine) {
  for (const TomlTable& row : root.tables("swap")) {
    row.allow_only({"name", "size", "disk", "priority"});
    if (!row.has("size")) row.report("", "expected \"size\"");
    SwapArea area{row.text("name").value_or(""), row.size("size").value_or(Bytes{}),
                  row.text("disk").value_or(""), std::nullopt};
    if (const auto priority = row.integer("priority", kSwapPriorities)) {
      area.priority = static_cast<int>(*priority);
    }
    if (!area.disk.empty() &&
        std::ranges::find(machine.disks, area.disk, &Disk::name) == machine.disks.end()) {
      row.report_expected("disk", "the name of a [[disk]]");
    }
    machine.swap_areas.push_back(std::move(area));
  }
}

}  // namespace

void read_software(const TomlTable& root, MachineFile& machine) {
  const toml::table nothing;
  const TomlTable kernel = root.table("kernel").value_or(TomlTable(nothing, "", root.problems()));
  kernel.allow_only({"image", "initrd", "memmap_bytes", "init_on_alloc", "init_on_free",
                     "page_poisoning", "page_owner", "debug_tlbflush", "panic_on_warn",
                     "frame_content"});
  read_profile(kernel, machine.profile);
  read_image(kernel, machine);
  read_initrd(kernel, machine);
  read_sysctl(root, machine);
  read_managed(root, machine);
  read_disks(root, machine);
  read_swap_areas(root, machine);
}

}  // namespace quire::machine_file
