#include "tools/trace/byte_source.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace quire::trace {

std::expected<ByteSource, TraceError> ByteSource::open(const std::string& path) {
  const auto refused = [&path](const std::string& why) {
    return std::unexpected(TraceError{.path = path, .offset = 0, .what = why});
  };
  ByteSource source;
  source.name_ = path;
  source.fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (source.fd_ < 0) return refused(std::strerror(errno));
  struct stat status{};
  if (fstat(source.fd_, &status) != 0) return refused(std::strerror(errno));
  if (!S_ISREG(status.st_mode)) return refused("not a regular file");
  source.size_ = static_cast<std::uint64_t>(status.st_size);
  return source;
}

ByteSource::ByteSource(std::string bytes, std::string name)
    : bytes_(std::move(bytes)), name_(std::move(name)), size_(bytes_.size()) {}

ByteSource::ByteSource(ByteSource&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      bytes_(std::move(other.bytes_)),
      name_(std::move(other.name_)),
      size_(other.size_) {}

ByteSource::~ByteSource() {
  if (fd_ >= 0) close(fd_);
}

std::size_t ByteSource::read(std::uint64_t offset, char* to, std::size_t count) const {
  if (offset >= size_) return 0;
  count = std::min<std::uint64_t>(count, size_ - offset);
  if (fd_ < 0) {
    std::memcpy(to, bytes_.data() + offset, count);
    return count;
  }
  std::size_t done = 0;
  while (done < count) {
    const ssize_t got = pread(fd_, to + done, count - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

}  // namespace quire::trace
