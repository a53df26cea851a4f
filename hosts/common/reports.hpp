// What hosts say when something fails, in the same words.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/base.hpp"

namespace quire {

using TextCallback = std::function<void(std::string_view)>;

// "host: cannot map 131072 KiB for the tables of node 3: no memory"
std::string describe_refusal(std::string_view what, Bytes size, NodeId node);

// The end of a machine that is broken: the callback, if there is one, sees the report and may leave
// (exit, a long jump); then the report goes to stderr and the process aborts.
[[noreturn]] void stop_process(std::string_view report, const TextCallback& on_panic);

// What the code at `address` is called, by what the dynamic linker knows: "function+0x1a/0x40" in
// the spelling of the compiler, or "program+0x1234". False: it lies in nothing that was loaded.
bool write_code_name(const void* address, TextSink& name);

}  // namespace quire
