#include "malloc/settings.hpp"

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include <fcntl.h>
#include <unistd.h>

#include "malloc/early.hpp"
#include "malloc/process_host.hpp"

namespace quire::preload {
namespace {

constexpr int kHighFile = 100;  // out of the way of programs that count theirs

unsigned shift_of(std::string_view unit) {
  if (unit == "K" || unit == "k") return 10;
  if (unit == "M" || unit == "m") return 20;
  if (unit == "G" || unit == "g") return 30;
  return unit.empty() ? 0 : 64;
}

std::size_t read_limit(std::string_view text) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const unsigned shift = shift_of({end, text.data() + text.size()});
  if (error != std::errc{} || value == 0 || shift == 64 || value > SIZE_MAX >> shift) {
    print_error("QUIRE_MALLOC_LIMIT is no number of bytes: there is no limit");
    return SIZE_MAX;
  }
  return value << shift;
}

// A copy: programs write their title over their environment.
const char* kept(const char* text) {
  if (text == nullptr) return nullptr;
  const std::size_t size = std::strlen(text) + 1;
  void* const copy = EarlyMemory::allocate(size);
  return copy == nullptr ? nullptr : static_cast<const char*>(std::memcpy(copy, text, size));
}

}  // namespace

Settings Settings::from_environment() {
  Settings settings;
  const char* const limit = std::getenv("QUIRE_MALLOC_LIMIT");
  if (limit != nullptr) settings.limit = read_limit(limit);
  settings.stats = kept(std::getenv("QUIRE_MALLOC_STATS"));
  if (settings.stats != nullptr && std::string_view(settings.stats) == "-") {
    const int copy = ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, kHighFile);
    if (copy >= 0) settings.errors = copy;
  }
  return settings;
}

}  // namespace quire::preload
