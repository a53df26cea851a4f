#include "tools/machine_file/machine_file.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace quire::machine_file {
namespace {

bool same(const FirmwareRange& a, const FirmwareRange& b) {
  return a.range == b.range && a.type == b.type;
}

bool same(const AffinityRange& a, const AffinityRange& b) {
  return a.range == b.range && a.node == b.node && a.hotpluggable == b.hotpluggable;
}

bool same(const ManagedPages& a, const ManagedPages& b) {
  return a.node == b.node && a.zone == b.zone && a.managed == b.managed;
}

bool same(const KernelProfile& a, const KernelProfile& b) {
  return a.memmap_bytes == b.memmap_bytes && a.init_on_alloc == b.init_on_alloc &&
         a.init_on_free == b.init_on_free && a.page_poisoning == b.page_poisoning &&
         a.page_owner == b.page_owner && a.debug_tlbflush == b.debug_tlbflush &&
         a.panic_on_warn == b.panic_on_warn &&
         a.frame_content == b.frame_content;
}

bool same(TlbSize a, TlbSize b) { return a.entries == b.entries && a.ways == b.ways; }

bool same(const TlbSpec& a, const TlbSpec& b) {
  return a.modelled == b.modelled && a.check == b.check && a.asids == b.asids &&
         same(a.small, b.small) && same(a.second, b.second) && same(a.large, b.large) &&
         same(a.giant, b.giant);
}

template <class T>
bool same(const std::vector<T>& a, const std::vector<T>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const T& left, const T& right) { return same(left, right); });
}

}  // namespace

std::string ParseError::text() const {
  std::string where = file;
  if (line != 0) where += fmt::format("{}{}", where.empty() ? "line " : ":", line);
  if (!where.empty()) where += ": ";
  if (!key.empty()) where += key + ": ";
  return where + what;
}

MachineSpec MachineFile::spec() const {
  image_views_.clear();
  for (const ImageRange& part : kernel_image) {
    image_views_.push_back({part.range, part.name, part.freed});
  }
  sysctl_views_.clear();
  for (const Sysctl& setting : sysctl) sysctl_views_.push_back({setting.name, setting.value});
  MachineSpec spec;
  spec.arch = arch;
  spec.memory_model = memory_model;
  spec.firmware_map = firmware_map;
  spec.affinity = affinity;
  spec.cpu_nodes = cpu_nodes;
  spec.distances = distances;
  spec.gib_pages = gib_pages;
  spec.local_access_ns = local_access_ns;
  spec.tlb = tlb;
  spec.kernel_image = image_views_;
  spec.initrd = initrd;
  spec.command_line = command_line;
  spec.sysctl = sysctl_views_;
  spec.managed = managed;
  spec.profile = profile;
  return spec;
}

std::size_t MachineFile::node_count() const {
  std::size_t count = 1;
  for (const AffinityRange& row : affinity) {
    count = std::max<std::size_t>(count, index_of(row.node) + 1);
  }
  for (const NodeId node : cpu_nodes) count = std::max<std::size_t>(count, index_of(node) + 1);
  while (count * count < distances.size()) ++count;
  return count;
}

bool MachineFile::operator==(const MachineFile& other) const {
  return name == other.name && arch == other.arch && memory_model == other.memory_model &&
         same(firmware_map, other.firmware_map) && same(affinity, other.affinity) &&
         cpu_nodes == other.cpu_nodes && gib_pages == other.gib_pages &&
         same(tlb, other.tlb) && cost == other.cost && distances == other.distances &&
         local_access_ns == other.local_access_ns &&
         kernel_image == other.kernel_image && initrd == other.initrd &&
         command_line == other.command_line && sysctl == other.sysctl &&
         same(managed, other.managed) && same(profile, other.profile) &&
         swap_areas == other.swap_areas && disks == other.disks;
}

}  // namespace quire::machine_file
