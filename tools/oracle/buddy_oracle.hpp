// `quire oracle buddy`: a recorded sequence, replayed here from its recorded start state, each page
// frame number, count and final list held against Linux's.
//
// Errors  An unreadable recording is a sentence; a machine that does not boot is a difference.
#pragma once

#include <expected>
#include <filesystem>
#include <string>

#include "page_alloc/page_alloc.hpp"
#include "tools/machine_file/machine_file.hpp"
#include "tools/oracle/buddy_log.hpp"
#include "tools/oracle/comparison.hpp"

namespace quire::oracle {

// What happens during the operations is told to `sink`, if there is one.
Comparison replay(const BuddyLog& log, const machine_file::MachineFile& file,
                  TraceSink* sink = nullptr);

// NAME.log.gz (or NAME.log), with NAME.machine.json beside it. With NAME.trace.gz there too, each
// event of the replay is compared.
std::expected<Comparison, std::string> check_buddy_log(const std::filesystem::path& path,
                                                       TraceSink* sink = nullptr);

}  // namespace quire::oracle
