// Which function makes which file: the fixed paths, and the names within the directories of nodes
// and of memory blocks.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/base.hpp"
#include "procfs/show.hpp"

namespace quire {

inline constexpr std::string_view kSysctlDirectory = "proc/sys/";
inline constexpr std::string_view kNodeDirectory = "sys/devices/system/node/node";
inline constexpr std::string_view kBlockDirectory = "sys/devices/system/memory/memory";

enum class FileNeeds : std::uint8_t {
  kNothing,
  kHighMemory,
  kMemoryBlocks,
  kPageOwner,
  kSlabCaches,
};

// A file has one of `show` and `knob`.
struct FixedFile {
  std::string_view path;
  std::uint16_t mode;
  void (*show)(const ProcSources&, Text&);
  std::optional<Knob> knob;
  FileNeeds needs = FileNeeds::kNothing;
};

struct NodeFile {
  std::string_view name;
  void (*show)(const ProcSources&, const Node&, Text&);
};

struct MemoryBlockFile {
  std::string_view name;
  std::uint16_t mode;
  void (*show)(const ProcSources&, const MemoryBlock&, Text&);
  Result<void> (*write)(const ProcSources&, const MemoryBlock&, std::string_view) = nullptr;
};

std::span<const FixedFile> fixed_files();
std::span<const NodeFile> node_files();
std::span<const MemoryBlockFile> block_files();

}  // namespace quire
