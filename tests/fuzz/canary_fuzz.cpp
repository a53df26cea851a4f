// A fuzzer that must fail: it has a bug behind four bytes. Were it not found within its time,
// the other fuzzers' silence would mean nothing.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  if (text.starts_with("e820")) std::abort();
  return 0;
}
