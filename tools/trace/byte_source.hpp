// The bytes of a file, read where they are asked for, or of a string.
//
// Ownership  Has its file open, or the string.
#pragma once

#include <cstdint>
#include <expected>
#include <string>

#include "tools/trace/trace.hpp"

namespace quire::trace {

class ByteSource {
 public:
  [[nodiscard]] static std::expected<ByteSource, TraceError> open(const std::string& path);
  ByteSource(std::string bytes, std::string name);
  ByteSource(ByteSource&& other) noexcept;
  ByteSource& operator=(ByteSource&&) = delete;
  ~ByteSource();

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::uint64_t size() const { return size_; }
  // How many bytes there are from `offset` on, at most `count`; an I/O error ends the file.
  [[nodiscard]] std::size_t read(std::uint64_t offset, char* to, std::size_t count) const;

  template <typename T>
  [[nodiscard]] std::size_t read_struct(std::uint64_t offset, T& to) const {
    return read(offset, reinterpret_cast<char*>(&to), sizeof to);
  }

 private:
  ByteSource() = default;
  int fd_ = -1;
  std::string bytes_;
  std::string name_;
  std::uint64_t size_ = 0;
};

}  // namespace quire::trace
