#include "procfs/proc_tree.hpp"

#include "procfs/file_table.hpp"
#include "procfs/process_files.hpp"
#include "procfs/slab_files.hpp"

namespace quire {
namespace {

// Takes `prefix` off the front of `path`; false when it does not begin so.
bool take(std::string_view& path, std::string_view prefix) {
  if (!path.starts_with(prefix)) return false;
  path.remove_prefix(prefix.size());
  return true;
}

// Takes "12/" off the front of `path`, as the kernel spells numbers: no zeros before.
std::optional<std::uint64_t> take_directory_number(std::string_view& path) {
  constexpr std::size_t kMostDigits = 10;
  const std::size_t digits = path.find('/');
  if (digits == std::string_view::npos || digits == 0 || digits > kMostDigits) return std::nullopt;
  if (path[0] == '0' && digits > 1) return std::nullopt;
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    if (path[i] < '0' || path[i] > '9') return std::nullopt;
    number = number * 10 + static_cast<std::uint64_t>(path[i] - '0');
  }
  path.remove_prefix(digits + 1);
  return number;
}

bool exists(const ProcSources& from, const FixedFile& file) {
  switch (file.needs) {
    case FileNeeds::kHighMemory: return from.nodes.arch() == ArchProfile::kX86_32;
    case FileNeeds::kMemoryBlocks: return memory_block_size(from) != Bytes{};
    case FileNeeds::kPageOwner: return from.owners != nullptr;
    case FileNeeds::kSlabCaches: return from.slabs != nullptr;
    case FileNeeds::kNothing: break;
  }
  return true;
}

template <class File>
const File* find_named(std::span<const File> files, std::string_view name) {
  for (const File& file : files)
    if (file.name == name) return &file;
  return nullptr;
}

const FixedFile* find_fixed(const ProcSources& from, std::string_view path) {
  for (const FixedFile& file : fixed_files())
    if (file.path == path && exists(from, file)) return &file;
  return nullptr;
}

// A file in the directory of a node.
struct FileOfNode {
  const Node* node;
  const NodeFile* file;
};
std::optional<FileOfNode> find_node_file(const ProcSources& from, std::string_view path) {
  if (!take(path, kNodeDirectory)) return std::nullopt;
  const auto number = take_directory_number(path);
  if (!number.has_value() || *number >= from.nodes.all().size()) return std::nullopt;
  const Node& node = from.nodes.node(NodeId{static_cast<std::uint16_t>(*number)});
  const NodeFile* const file = find_named(node_files(), path);
  if (!node.online || file == nullptr) return std::nullopt;
  return FileOfNode{&node, file};
}

// A file in the directory of a memory block.
struct FileOfBlock {
  MemoryBlock block;
  const MemoryBlockFile* file;
};
std::optional<FileOfBlock> find_block_file(const ProcSources& from, std::string_view path) {
  if (!take(path, kBlockDirectory)) return std::nullopt;
  const auto number = take_directory_number(path);
  if (!number.has_value() || *number >= memory_block_limit(from)) return std::nullopt;
  const MemoryBlock block = memory_block(from, *number);
  const MemoryBlockFile* const file = find_named(block_files(), path);
  if (file == nullptr || !has_memory_block(from, block)) return std::nullopt;
  return FileOfBlock{block, file};
}

// A file in the directory of a cache.
struct FileOfSlab {
  KmemCache* cache;
  const SlabFile* file;
};
std::optional<FileOfSlab> find_slab_file(const ProcSources& from, std::string_view path) {
  if (!take(path, kSlabDirectory)) return std::nullopt;
  const std::size_t slash = path.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  KmemCache* const cache = slab_directory(from, {path.data(), slash});
  path.remove_prefix(slash + 1);
  const SlabFile* const file = find_named(slab_files(), path);
  if (cache == nullptr || file == nullptr) return std::nullopt;
  return FileOfSlab{cache, file};
}

// A file of who uses a cache.
struct TracesOfSlab {
  KmemCache* cache;
  const SlabTraceFile* file;
};
std::optional<TracesOfSlab> find_slab_traces(const ProcSources& from, std::string_view path) {
  if (!take(path, kSlabTraceDirectory) || from.slabs == nullptr) return std::nullopt;
  const std::size_t slash = path.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  KmemCache* const cache = from.slabs->find({path.data(), slash});
  path.remove_prefix(slash + 1);
  const SlabTraceFile* const file = find_named(slab_trace_files(), path);
  if (cache == nullptr || !has_slab_traces(*cache) || file == nullptr) return std::nullopt;
  return TracesOfSlab{cache, file};
}

// What follows "proc/" and a process's number, and the process.
Process* take_process(const ProcSources& from, std::string_view& path) {
  if (from.processes == nullptr || !take(path, kProcDirectory)) return nullptr;
  const auto pid = take_directory_number(path);
  if (!pid.has_value() || *pid > ~std::uint32_t{0}) return nullptr;
  return from.processes->find(static_cast<std::uint32_t>(*pid));
}

// A file in the directory of a process.
struct FileOfProcess {
  Process* process;
  const ProcessFile* file;
};
std::optional<FileOfProcess> find_process_file(const ProcSources& from, std::string_view path) {
  Process* const process = take_process(from, path);
  const ProcessFile* const file = find_named(process_files(), path);
  if (process == nullptr || file == nullptr) return std::nullopt;
  return FileOfProcess{process, file};
}

// "vm/swappiness", or with a dot as sysctl(8) has it.
std::optional<Sysctl> find_sysctl(const Sysctls& sysctls, std::string_view name, char between) {
  const std::size_t folder = name.find(between);
  if (folder == std::string_view::npos) return std::nullopt;
  const std::string_view file{name.data() + folder + 1, name.size() - folder - 1};
  return sysctls.find({{name.data(), folder}, file});
}
std::optional<Sysctl> find_sysctl(const ProcSources& from, std::string_view path) {
  if (!take(path, kSysctlDirectory)) return std::nullopt;
  return find_sysctl(from.sysctls, path, '/');
}

// A path put together piece by piece.
class PathText {
 public:
  PathText() : text_(sink_) {}
  Text& text() { return text_; }
  std::string_view finish() {
    text_.flush();
    return sink_.text();
  }

 private:
  char storage_[128];
  BufferSink sink_{storage_, sizeof storage_};
  Text text_;
};

void list_blocks(const ProcSources& from, PathVisitor& visitor) {
  for (std::uint64_t number = 0; number < memory_block_limit(from); ++number) {
    if (!has_memory_block(from, memory_block(from, number))) continue;
    for (const MemoryBlockFile& file : block_files()) {
      PathText path;
      path.text().str(kBlockDirectory).dec(number).ch('/').str(file.name);
      visitor.visit(path.finish(), file.mode);
    }
  }
}

void list_nodes(const ProcSources& from, PathVisitor& visitor) {
  constexpr std::uint16_t kForReading = 0444;
  for (const Node& node : from.nodes.all()) {
    if (!node.online) continue;
    for (const NodeFile& file : node_files()) {
      PathText path;
      path.text().str(kNodeDirectory).dec(index_of(node.id)).ch('/').str(file.name);
      visitor.visit(path.finish(), kForReading);
    }
  }
}

void list_slabs(const ProcSources& from, PathVisitor& visitor) {
  for_each_slab_directory(from, [&](std::string_view directory) {
    for (const SlabFile& file : slab_files()) {
      PathText path;
      path.text().str(kSlabDirectory).str(directory).ch('/').str(file.name);
      visitor.visit(path.finish(), file.mode);
    }
  });
}

void list_slab_traces(const ProcSources& from, PathVisitor& visitor) {
  constexpr std::uint16_t kForRoot = 0400;
  if (from.slabs == nullptr) return;
  for (std::size_t i = 0; KmemCache* const cache = from.slabs->cache_at(i); ++i) {
    if (!has_slab_traces(*cache)) continue;
    for (const SlabTraceFile& file : slab_trace_files()) {
      PathText path;
      path.text().str(kSlabTraceDirectory).str(cache->name()).ch('/').str(file.name);
      visitor.visit(path.finish(), kForRoot);
    }
  }
}

void list_processes(const ProcSources& from, PathVisitor& visitor) {
  if (from.processes == nullptr) return;
  from.processes->for_each([&](const Process& process) {
    for (const ProcessFile& file : process_files()) {
      PathText path;
      path.text().str(kProcDirectory).dec(process.task.pid).ch('/').str(file.name);
      visitor.visit(path.finish(), file.mode);
    }
  });
}

void list_sysctls(const ProcSources& from, PathVisitor& visitor) {
  for (const SysctlRow& row : sysctl_rows()) {
    if (!row.is_in(from.nodes.arch())) continue;
    PathText path;
    path.text().str(kSysctlDirectory).str(row.place().folder).ch('/').str(row.place().file);
    visitor.visit(path.finish(), row.mode);
  }
}

}  // namespace

Result<void> ProcTree::read(std::string_view path, TextSink& sink) const {
  Text out(sink);
  if (const auto sysctl = find_sysctl(sources_, path)) return sources_.sysctls.show(*sysctl, out);
  if (const FixedFile* const file = find_fixed(sources_, path)) {
    if (file->knob.has_value())
      sources_.knobs.show(*file->knob, out);
    else
      file->show(sources_, out);
    return {};
  }
  if (const auto found = find_node_file(sources_, path)) {
    found->file->show(sources_, *found->node, out);
    return {};
  }
  if (const auto found = find_block_file(sources_, path)) {
    found->file->show(sources_, found->block, out);
    return {};
  }
  if (const auto found = find_slab_file(sources_, path)) {
    found->file->show(*found->cache, out);
    return {};
  }
  if (const auto found = find_slab_traces(sources_, path))
    return show_slab_traces(*found->cache, found->file->kind, out);
  if (const auto found = find_process_file(sources_, path)) {
    found->file->show(sources_, *found->process, out);
    return {};
  }
  return Errno::kNoEntry;
}

Result<std::size_t> ProcTree::read_words(std::string_view path, std::uint64_t first,
                                         std::span<std::uint64_t> words) const {
  if (path == "proc/kpagecount") return read_kpagecount(sources_, Pfn{first}, words);
  if (path == "proc/kpageflags") return read_kpageflags(sources_, Pfn{first}, words);
  Process* const process = take_process(sources_, path);
  if (process == nullptr || path != "pagemap") return Errno::kNoEntry;
  return read_pagemap(*process, first, words);
}

Result<std::size_t> ProcTree::write(std::string_view path, std::string_view text) const {
  if (const auto sysctl = find_sysctl(sources_, path))
    return sources_.sysctls.write(*sysctl, text);
  if (const FixedFile* const file = find_fixed(sources_, path)) {
    if (file->knob.has_value()) return sources_.knobs.write(*file->knob, text);
    return path.starts_with("proc/") ? Errno::kIo : Errno::kAccess;
  }
  if (const auto found = find_block_file(sources_, path)) {
    if (found->file->write == nullptr) return Errno::kAccess;
    QUIRE_TRY(found->file->write(sources_, found->block, text));
    return text.size();
  }
  if (const auto found = find_slab_file(sources_, path)) {
    if (found->file->write == nullptr) return Errno::kAccess;
    if (!text.empty()) QUIRE_TRY(found->file->write(*found->cache, text));
    return text.size();
  }
  if (find_node_file(sources_, path) || find_slab_traces(sources_, path)) return Errno::kAccess;
  if (find_process_file(sources_, path)) return Errno::kIo;
  return Errno::kNoEntry;
}

Result<std::size_t> ProcTree::set(std::string_view name, std::string_view text) const {
  if (take(name, "/")) return write(name, text);
  const auto sysctl = find_sysctl(sources_.sysctls, name, '.');
  if (!sysctl.has_value()) return Errno::kNoEntry;
  return sources_.sysctls.write(*sysctl, text);
}

void ProcTree::list(PathVisitor& visitor) const {
  for (const FixedFile& file : fixed_files())
    if (exists(sources_, file)) visitor.visit(file.path, file.mode);
  list_sysctls(sources_, visitor);
  list_nodes(sources_, visitor);
  list_blocks(sources_, visitor);
  list_slabs(sources_, visitor);
  list_processes(sources_, visitor);
  list_slab_traces(sources_, visitor);
}

}  // namespace quire
