// Workloads that are computed: programs that map memory and touch it in a pattern.
//
//   sequential   pages in order, again from the start after the last
//   random       pages by chance, all alike
//   zipf         pages by chance, the i-th favourite 1/i as often as the first, all over
//   stream       three parts of the memory in step: reads one, reads another, writes the third
//   fork_storm   touches all of it, then forks children one after another, each of which does its
//                accesses at random and ends
//
// Numbers    All are integers, so that a seed gives the same accesses everywhere.
// Errors     A call that fails ends the program with Fail.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "engine/program.hpp"

namespace quire {

enum class Pattern : std::uint8_t { kSequential, kRandom, kZipf, kStream, kForkStorm };

struct SyntheticSpec {
  Pattern pattern = Pattern::kSequential;
  Bytes memory = mib(64);
  std::uint64_t accesses = 0;  // of each thread or child; 0: as many as there are pages
  unsigned write_percent = 100;
  unsigned times = 1;          // each access is repeated so often, 1 to PageAccess::kMostTimes
  unsigned threads = 1;        // that share the memory
  unsigned children = 16;      // of a fork storm
  std::string file{};          // mapped; empty: anonymous memory
  bool shared = false;
  std::uint64_t seed = 0;
};

std::unique_ptr<Program> make_synthetic(const SyntheticSpec& spec);

}  // namespace quire
