// What `quire run` is given to run: traces, and files in TOML with a [[workload]] for each program,
// which is synthetic or a trace. docs/CLI.md has the keys.
//
// Errors  As those of machine files: file, line, key, and what was expected.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/synthetic.hpp"
#include "tools/machine_file/machine_file.hpp"

namespace quire::run {

struct Workload {
  std::string name{};        // of its process, until a trace says another
  std::string trace{};       // the path of one; empty: it is synthetic
  SyntheticSpec synthetic{};
  std::optional<CpuId> cpu{};            // that it runs on
  machine_file::ParseError cpu_place{};  // where that was asked for; what is wrong is not said
};

// A word of the command line: W.toml; T.qtr; T.qtr@2, which is the trace on CPU 2.
machine_file::Parsed<std::vector<Workload>> read_workloads(const std::string& word);

}  // namespace quire::run
