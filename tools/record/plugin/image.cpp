#include "tools/record/plugin/image.hpp"

#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tools/record/plugin/guest.hpp"
#include "tools/record/plugin/qemu_plugin.h"
#include "tools/record/plugin/window.hpp"

namespace quire::record {
namespace {

constexpr std::uint64_t kPage = 4096;

std::uint64_t page_end(std::uint64_t address) { return (address + kPage - 1) & ~(kPage - 1); }

struct Mapping {
  std::uint64_t start = 0;
  std::uint64_t end = 0;
  char protection[8] = {};
  char path[PATH_MAX] = {};
};

// Calls `each` with the guest's mappings as they lie in memory, until it gives false.
template <typename Each>
void for_each_mapping(Each each) {
  std::FILE* const maps = std::fopen("/proc/self/maps", "re");
  if (maps == nullptr) return;
  char line[PATH_MAX + 128];
  static Mapping mapping;
  while (std::fgets(line, sizeof line, maps) != nullptr) {
    unsigned long start = 0, end = 0;
    mapping.path[0] = '\0';
    std::sscanf(line, "%lx-%lx %7s %*s %*s %*s %4095[^\n]", &start, &end, mapping.protection,
                mapping.path);
    mapping.start = start;
    mapping.end = end;
    if (start >= kGuestEnd || !each(mapping)) break;
  }
  std::fclose(maps);
}

std::uint64_t first_mapping_of(const char* path) {
  std::uint64_t found = 0;
  for_each_mapping([&](const Mapping& mapping) {
    if (std::strcmp(mapping.path, path) == 0) found = mapping.start;
    return found == 0;
  });
  return found;
}

// The stack is the anonymous mapping above its guard.
Mapping find_stack() {
  Mapping found;
  std::uint64_t guard_end = 0;
  for_each_mapping([&](const Mapping& mapping) {
    const bool anonymous = mapping.path[0] == '\0';
    if (anonymous && mapping.protection[0] == 'r' && mapping.start == guard_end) found = mapping;
    guard_end = anonymous && mapping.protection[0] == '-' ? mapping.end : 0;
    return found.end == 0;
  });
  return found;
}

// Where what was written before the start begins: the words above the first page of zeros.
std::uint64_t lowest_written(const Mapping& stack) {
  const auto* word = reinterpret_cast<const std::uint64_t*>(stack.end);
  constexpr std::size_t kWords = kPage / sizeof *word;
  while (reinterpret_cast<std::uint64_t>(word) > stack.start &&
         !std::all_of(word - kWords, word, [](std::uint64_t value) { return value == 0; }))
    word -= kWords;
  while (reinterpret_cast<std::uint64_t>(word) < stack.end && *word == 0) ++word;
  return reinterpret_cast<std::uint64_t>(word);
}

// Above all else on a stack is the program's name, which the auxiliary vector tells of. What
// qemu-user has mapped right above is its own.
std::uint64_t end_of(const Mapping& stack, std::uint64_t low) {
  const auto* word = reinterpret_cast<const std::uint64_t*>(low);
  const auto* const end = reinterpret_cast<const std::uint64_t*>(stack.end);
  const auto left = [&] { return static_cast<std::uint64_t>(end - word); };
  if (left() < 2 || *word > left() - 2) return stack.end;
  word += 1 + *word + 1;  // arguments, with their number and a 0
  while (left() > 1 && *word++ != 0) continue;
  for (; left() > 1 && word[0] != AT_NULL; word += 2) {
    if (word[0] != AT_EXECFN || word[1] < low || word[1] >= stack.end) continue;
    const std::uint64_t behind = word[1] + std::strlen(reinterpret_cast<const char*>(word[1])) + 1;
    return page_end(behind);
  }
  return stack.end;
}

class ElfFile {
 public:
  explicit ElfFile(const char* path) : fd_(open(path, O_RDONLY | O_CLOEXEC)) {
    if (realpath(path, path_) == nullptr) std::snprintf(path_, sizeof path_, "%s", path);
    if (pread(fd_, &head_, sizeof head_, 0) != sizeof head_) head_ = {};
  }
  ~ElfFile() { close(fd_); }
  ElfFile(const ElfFile&) = delete;
  ElfFile& operator=(const ElfFile&) = delete;

  [[nodiscard]] const char* path() const { return path_; }

  template <typename Each>
  void for_each_header(std::uint32_t type, Each each) const {
    for (unsigned i = 0; i < head_.e_phnum; ++i) {
      Elf64_Phdr header{};
      const auto at = static_cast<off_t>(head_.e_phoff + i * sizeof header);
      if (pread(fd_, &header, sizeof header, at) == sizeof header && header.p_type == type)
        each(header);
    }
  }

  void interpreter(char (&path)[PATH_MAX]) const {
    path[0] = '\0';
    for_each_header(PT_INTERP, [&](const Elf64_Phdr& header) {
      const std::size_t length = std::min<std::size_t>(header.p_filesz, PATH_MAX - 1);
      const ssize_t got = pread(fd_, path, length, static_cast<off_t>(header.p_offset));
      path[std::max<ssize_t>(got, 0)] = '\0';
    });
  }

  // How far from where its headers say it lies.
  [[nodiscard]] std::uint64_t bias() const {
    if (head_.e_type != ET_DYN) return 0;
    std::uint64_t lowest = UINT64_MAX;
    for_each_header(PT_LOAD, [&](const Elf64_Phdr& header) {
      lowest = std::min(lowest, header.p_vaddr & ~(kPage - 1));
    });
    return first_mapping_of(path_) - lowest;
  }

  [[nodiscard]] std::uint64_t end() const {
    std::uint64_t end = 0;
    for_each_header(PT_LOAD, [&](const Elf64_Phdr& header) {
      end = std::max(end, header.p_vaddr + header.p_memsz);
    });
    return end + bias();
  }

  void tell_segments(StreamWriter& stream) const {
    const std::uint64_t key = guest_file(stream, fd_).key;
    const std::uint64_t moved = bias();
    for_each_header(PT_LOAD, [&](const Elf64_Phdr& header) {
      const std::uint64_t protection = ((header.p_flags & PF_R) != 0 ? PROT_READ : 0) |
                                       ((header.p_flags & PF_W) != 0 ? PROT_WRITE : 0) |
                                       ((header.p_flags & PF_X) != 0 ? PROT_EXEC : 0);
      stream.put(RecordKind::kSegment, {header.p_vaddr + moved, header.p_filesz, header.p_memsz,
                                        protection, key, header.p_offset});
    });
  }

 private:
  int fd_;
  char path_[PATH_MAX];
  Elf64_Ehdr head_{};
};

// Besides segments and a stack, which end at `ends`, qemu-user puts tables of the CPU that it plays
// into the guest's memory, and reads them itself when a signal is handled. Linux has them in its
// own memory: no program touches them.
void pass_over_tables(const std::array<std::uint64_t, 3>& ends) {
  for_each_mapping([&](const Mapping& mapping) {
    if (mapping.path[0] != '\0' || mapping.protection[0] != 'r') return true;
    std::uint64_t start = mapping.start;
    for (const std::uint64_t end : ends)
      if (end <= mapping.end) start = std::max(start, end);
    if (start < mapping.end) Thread::pass_over({start / kPage, mapping.end / kPage});
    return true;
  });
}

void tell_image(Thread& thread) {
  StreamWriter& stream = thread.stream;
  const ElfFile program(qemu_plugin_path_to_binary());
  const std::uint64_t brk_start = page_end(program.end());
  stream.put(RecordKind::kExec,
             {qemu_plugin_entry_code(), brk_start, static_cast<std::uint64_t>(getpid())},
             program.path());
  program.tell_segments(stream);
  char interpreter[PATH_MAX];
  program.interpreter(interpreter);
  std::uint64_t interpreter_end = 0;
  if (interpreter[0] != '\0') {
    const ElfFile file(interpreter);
    file.tell_segments(stream);
    interpreter_end = page_end(file.end());
  }
  const Mapping stack = find_stack();
  const std::uint64_t low = lowest_written(stack);
  const std::uint64_t stack_end = end_of(stack, low);
  stream.put(RecordKind::kStack, {low, stack_end});
  pass_over_tables({brk_start, interpreter_end, stack_end});
}

}  // namespace

void tell_image_once() {
  static std::atomic<bool> told{false};
  if (!told.exchange(true)) tell_image(Thread::current());
}

}  // namespace quire::record
