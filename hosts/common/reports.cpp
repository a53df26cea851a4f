#include "hosts/common/reports.hpp"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>

#include <cstdio>
#include <cstdlib>

namespace quire {

std::string describe_refusal(std::string_view what, Bytes size, NodeId node) {
  std::string line = "host: cannot map " + std::to_string(size.raw() >> 10) + " KiB for the ";
  line += what;
  if (node != kNoNode) line += " of node " + std::to_string(index_of(node));
  return line + ": no memory";
}

void stop_process(std::string_view report, const TextCallback& on_panic) {
  if (on_panic) on_panic(report);
  std::fprintf(stderr, "%.*s\n", static_cast<int>(report.size()), report.data());
  std::abort();
}

bool write_code_name(const void* address, TextSink& name) {
  Dl_info found{};
  ElfW(Sym)* symbol = nullptr;
  if (dladdr1(address, &found, reinterpret_cast<void**>(&symbol), RTLD_DL_SYMENT) == 0)
    return false;
  const auto from = [&](const void* start) {
    return static_cast<std::uint64_t>(static_cast<const std::byte*>(address) -
                                      static_cast<const std::byte*>(start));
  };
  Text text(name);
  if (found.dli_sname != nullptr && symbol != nullptr) {
    text.str(found.dli_sname).str("+0x").hex(from(found.dli_saddr)).str("/0x")
        .hex(symbol->st_size);
  } else {
    const std::string_view path = found.dli_fname;
    text.str(path.substr(path.rfind('/') + 1)).str("+0x").hex(from(found.dli_fbase));
  }
  return true;
}

}  // namespace quire
