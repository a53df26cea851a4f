#include "hosts/native/native_file.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <span>

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

// The page as it is now. Others may write to it meanwhile, and what they write may be torn: such a
// page is dirty again, and is written once more.
__attribute__((no_sanitize("thread"))) void take_snapshot(const std::byte* content,
                                                           std::span<std::uint64_t> words) {
  const auto* const from = reinterpret_cast<const volatile std::uint64_t*>(content);
  for (std::size_t i = 0; i < words.size(); ++i) words[i] = from[i];
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
  std::array<std::uint64_t, kPageSize.raw() / sizeof(std::uint64_t)> words;
  const auto* const content = reinterpret_cast<const std::byte*>(words.data());
  for (Page* const page : run.pages) {
    take_snapshot(cache.content_of(*page), words);
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
