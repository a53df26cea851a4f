#include "tools/record/plugin/guest.hpp"

#include <fcntl.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace quire::record {
namespace {

// Keys that this process has told of, by hash; one that is pushed out is told again.
std::array<std::atomic<std::uint64_t>, 1024> told;

std::uint64_t mixed(std::uint64_t value) {
  value = (value ^ value >> 31) * 0x9e3779b97f4a7c15;
  return value ^ value >> 29;
}

std::uint64_t key_of(const struct statx& file) {
  const std::uint64_t device = std::uint64_t{file.stx_dev_major} << 32 | file.stx_dev_minor;
  const auto born = static_cast<std::uint64_t>(file.stx_btime.tv_sec) * 1'000'000'000 +
                    file.stx_btime.tv_nsec;
  const std::uint64_t key = mixed(mixed(mixed(device) + file.stx_ino) + born);
  return key == kNoFileKey ? 1 : key;
}

bool is_told(std::uint64_t key) { return told[key % told.size()].exchange(key) == key; }

}  // namespace

std::size_t read_guest(std::uint64_t address, void* to, std::size_t count) {
  const iovec local{to, count};
  const iovec remote{reinterpret_cast<void*>(address), count};
  const ssize_t got = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
  return got < 0 ? 0 : static_cast<std::size_t>(got);
}

std::size_t guest_text_length(std::uint64_t address) {
  constexpr std::size_t kPiece = 256;
  char piece[kPiece];
  std::size_t length = 0;
  while (length < kLongestText) {
    // Not over the end of a page, behind which nothing may be.
    const std::size_t on_page = 4096 - ((address + length) & 4095);
    const std::size_t count = std::min(kPiece, on_page);
    if (read_guest(address + length, piece, count) != count) return length;
    const void* const end = std::memchr(piece, 0, count);
    if (end != nullptr)
      return length + static_cast<std::size_t>(static_cast<const char*>(end) - piece);
    length += count;
  }
  return length;
}

bool read_guest_path(std::uint64_t address, char (&path)[4096]) {
  const std::size_t length = guest_text_length(address);
  if (length >= sizeof path || read_guest(address, path, length) != length) return false;
  path[length] = '\0';
  return true;
}

GuestFile guest_file(StreamWriter& stream, int fd) {
  struct statx file{};
  if (statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &file) != 0 ||
      !S_ISREG(file.stx_mode))
    return {};
  const GuestFile found{key_of(file), file.stx_size};
  if (is_told(found.key)) return found;
  char link[64];
  char path[4096];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t length = readlink(link, path, sizeof path);
  stream.put(RecordKind::kFile, {found.key, found.size},
             {path, static_cast<std::size_t>(std::max<ssize_t>(length, 0))});
  return found;
}

GuestFile guest_segment(StreamWriter& stream, int id) {
  shmid_ds segment{};
  if (shmctl(id, IPC_STAT, &segment) != 0) return {};
  // No device is as large.
  const GuestFile found{mixed(mixed(UINT64_MAX) + static_cast<unsigned>(id)), segment.shm_segsz};
  if (is_told(found.key)) return found;
  char path[64];
  const int length = std::snprintf(path, sizeof path, "/SYSV%08x (deleted)",
                                   static_cast<unsigned>(segment.shm_perm.__key));
  stream.put(RecordKind::kFile, {found.key, found.size},
             {path, static_cast<std::size_t>(length)});
  return found;
}

std::uint64_t length_attached_at(std::uint64_t address) {
  std::FILE* const maps = std::fopen("/proc/self/maps", "re");
  if (maps == nullptr) return 0;
  char line[4096 + 128];
  shmid_ds segment{};
  while (std::fgets(line, sizeof line, maps) != nullptr) {
    unsigned long start = 0;
    int id = 0;
    // The inode of such a mapping is the segment's number.
    if (std::sscanf(line, "%lx-%*x %*s %*s %*s %d /SYSV", &start, &id) == 2 && start == address &&
        std::strstr(line, " /SYSV") != nullptr)
      static_cast<void>(shmctl(id, IPC_STAT, &segment));
  }
  std::fclose(maps);
  return segment.shm_segsz;
}

}  // namespace quire::record
