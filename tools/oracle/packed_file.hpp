// Text files that may be gzipped.
#pragma once

#include <expected>
#include <filesystem>
#include <string>

namespace quire::oracle {

// The text of a file, unpacked if it is packed. Errors: one sentence that names the file.
std::expected<std::string, std::string> read_packed(const std::filesystem::path& path);

}  // namespace quire::oracle
