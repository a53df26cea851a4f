#include "hosts/native/native_file.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace quire {
namespace {

// Calls move(done) until `length` bytes are moved, the file ends or an error comes; how many were,
// -1 for an error.
template <class Move>
ssize_t move_all(std::uint64_t length, Move move) {
  std::uint64_t done = 0;
  while (done < length) {
    const ssize_t moved = move(done);
    if (moved < 0 && errno == EINTR) continue;
    if (moved < 0) return -1;
    if (moved == 0) break;
    done += static_cast<std::uint64_t>(moved);
  }
  return static_cast<ssize_t>(done);
}

}  // namespace

void NativeFile::read(PageCache& cache, const PageRun& run) {
  std::uint64_t at = run.first * kPageSize.raw();
  for (Page* const page : run.pages) {
    std::byte* const content = cache.content_of(*page);
    const std::uint64_t length = std::min(run.size.raw() - at, kPageSize.raw());
    const ssize_t got = move_all(length, [&](std::uint64_t done) {
      return pread(descriptor_, content + done, length - done, static_cast<off_t>(at + done));
    });
    if (got >= 0)
      std::memset(content + got, 0, kPageSize.raw() - static_cast<std::uint64_t>(got));
    cache.read_done(*page, got < 0 ? Result<void>(Errno::kIo) : Result<void>());
    at += kPageSize.raw();
  }
}

void NativeFile::write(PageCache& cache, const PageRun& run) {
  std::uint64_t at = run.first * kPageSize.raw();
  for (Page* const page : run.pages) {
    const std::byte* const content = cache.content_of(*page);
    const std::uint64_t length = std::min(run.size.raw() - at, kPageSize.raw());
    const ssize_t put = move_all(length, [&](std::uint64_t done) {
      return pwrite(descriptor_, content + done, length - done, static_cast<off_t>(at + done));
    });
    const bool all = put == static_cast<ssize_t>(length);
    cache.write_done(*page, all ? Result<void>() : Result<void>(Errno::kIo));
    at += kPageSize.raw();
  }
}

Result<void> NativeFile::resize(Bytes size) {
  if (ftruncate(descriptor_, static_cast<off_t>(size.raw())) != 0) return Errno::kIo;
  return {};
}

}  // namespace quire
