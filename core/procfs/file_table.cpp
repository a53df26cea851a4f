#include "procfs/file_table.hpp"

#include "procfs/process_files.hpp"
#include "procfs/slab_files.hpp"

namespace quire {
namespace {

#define QUIRE_NODES "sys/devices/system/node/"
#define QUIRE_MEMORY "sys/devices/system/memory/"
#define QUIRE_MM "sys/kernel/mm/"

constexpr auto kNone = std::nullopt;

constexpr FixedFile kFixedFiles[] = {
    {"proc/buddyinfo", 0444, show_buddyinfo, kNone},
    {"proc/iomem", 0444, show_iomem, kNone},
    {"proc/meminfo", 0444, show_meminfo, kNone},
    {"proc/pagetypeinfo", 0400, show_pagetypeinfo, kNone},
    {"proc/slabinfo", 0400, show_slabinfo, kNone, FileNeeds::kSlabCaches},
    {"proc/vmallocinfo", 0400, show_vmallocinfo, kNone},
    {"proc/vmstat", 0444, show_vmstat, kNone},
    {"proc/zoneinfo", 0444, show_zoneinfo, kNone},
    {QUIRE_MEMORY "auto_online_blocks", 0644, nullptr, Knob::kAutoOnlineBlocks,
     FileNeeds::kMemoryBlocks},
    {QUIRE_MEMORY "block_size_bytes", 0444, show_block_size, kNone, FileNeeds::kMemoryBlocks},
    {QUIRE_NODES "has_cpu", 0444, show_nodes_with_cpus, kNone},
    {QUIRE_NODES "has_generic_initiator", 0444, show_nodes_with_initiators, kNone},
    {QUIRE_NODES "has_high_memory", 0444, show_nodes_with_high_memory, kNone,
     FileNeeds::kHighMemory},
    {QUIRE_NODES "has_memory", 0444, show_nodes_with_memory, kNone},
    {QUIRE_NODES "has_normal_memory", 0444, show_nodes_with_normal_memory, kNone},
    {QUIRE_NODES "online", 0444, show_online_nodes, kNone},
    {QUIRE_NODES "possible", 0444, show_possible_nodes, kNone},
    {"sys/kernel/debug/page_owner", 0400, show_page_owner, kNone, FileNeeds::kPageOwner},
    {QUIRE_MM "lru_gen/enabled", 0644, nullptr, Knob::kLruGenEnabled},
    {QUIRE_MM "lru_gen/min_ttl_ms", 0644, nullptr, Knob::kLruGenMinTtlMs},
    {QUIRE_MM "swap/vma_ra_enabled", 0644, nullptr, Knob::kVmaReadAhead},
    {QUIRE_MM "transparent_hugepage/defrag", 0644, nullptr, Knob::kThpDefrag},
    {QUIRE_MM "transparent_hugepage/enabled", 0644, nullptr, Knob::kThpEnabled},
    {QUIRE_MM "transparent_hugepage/hpage_pmd_size", 0444, show_huge_page_size, kNone},
    {QUIRE_MM "transparent_hugepage/shmem_enabled", 0644, nullptr, Knob::kThpShmemEnabled},
    {QUIRE_MM "transparent_hugepage/use_zero_page", 0644, nullptr, Knob::kThpUseZeroPage},
};

#undef QUIRE_NODES
#undef QUIRE_MEMORY
#undef QUIRE_MM

constexpr NodeFile kNodeFiles[] = {
    {"cpulist", show_node_cpulist},   {"cpumap", show_node_cpumap},
    {"distance", show_node_distance}, {"meminfo", show_node_meminfo},
    {"numastat", show_node_numastat}, {"vmstat", show_node_vmstat},
};

constexpr ProcessFile kProcessFiles[] = {
    {"maps", 0444, show_maps},
    {"numa_maps", 0444, show_numa_maps},
    {"smaps", 0444, show_smaps},
    {"smaps_rollup", 0444, show_smaps_rollup},
    {"statm", 0444, show_statm},
    {"status", 0444, show_status},
};

constexpr MemoryBlockFile kBlockFiles[] = {
    {"online", 0644, show_block_online, write_block_online},
    {"phys_device", 0444, show_block_device},
    {"phys_index", 0444, show_block_number},
    {"removable", 0444, show_block_removable},
    {"state", 0644, show_block_state, write_block_state},
    {"valid_zones", 0444, show_block_zones},
};

}  // namespace

std::span<const FixedFile> fixed_files() { return kFixedFiles; }
std::span<const NodeFile> node_files() { return kNodeFiles; }
std::span<const ProcessFile> process_files() { return kProcessFiles; }
std::span<const MemoryBlockFile> block_files() { return kBlockFiles; }

}  // namespace quire
