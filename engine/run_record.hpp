// What is known of a run, as plain values: the machine it ran on, how it went over virtual time,
// and what was there in the end. Written as JSON (tools/quire) and read by reports.
//
// Units      Pages of 4 KiB, frames as frame numbers, times in ns of virtual time.
// Series     All have one value for each time in `times_ns`; counts of events are sums so far. A
//            process's is 0 before it begins and after it ends.
// Pictures   A letter for each block of frames (`blocks`), for what most of its frames in use
//            hold, and for how full it is: '0' nothing in use, '1' to '9' up to all.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/live_process.hpp"

namespace quire {

// What a frame holds.
enum class FrameUse : std::uint8_t { kFree, kAnonymous, kFile, kShmem, kTable, kSlab, kKernel };
inline constexpr unsigned kFrameUses = 7;
inline constexpr std::array<char, kFrameUses> kFrameLetters{'.', 'a', 'f', 's', 't', 'k', 'x'};
inline constexpr std::array<const char*, kFrameUses> kFrameNames{
    "free", "anonymous", "page cache", "shared memory", "page tables", "slab", "kernel"};

struct ZoneRecord {
  unsigned node = 0;
  std::string name;  // "Normal"
  std::uint64_t start_pfn = 0, spanned = 0, present = 0, managed = 0;
  std::uint64_t min = 0, low = 0, high = 0;  // watermarks, in the end
};

struct Series {
  std::string name;
  std::vector<std::uint64_t> values;
};

struct Picture {
  std::uint64_t time_ns = 0;
  std::string uses;
  std::string fullness;
};

struct ProcessRecord {
  std::uint32_t pid = 0;
  std::uint32_t parent = 0;  // 0: none
  std::string name;
  std::string state;         // how it ended, or "running"
  std::string why;
  std::uint64_t started_ns = 0, ended_ns = 0, accesses = 0;
  std::uint64_t minor_faults = 0, major_faults = 0;
  FaultCounts faults{};
  std::uint64_t peak_resident = 0, anonymous = 0, file = 0, shmem = 0;
};

struct RunRecord {
  std::string machine;
  unsigned nodes = 0;
  std::vector<unsigned> cpu_nodes;  // the node of each CPU
  std::uint64_t seed = 0;
  std::vector<std::string> workloads;
  std::string end;  // "finished", "until", "interrupted", "verify failed"
  std::uint64_t time_ns = 0;
  std::uint64_t accesses = 0, tlb_accesses = 0, tlb_second_hits = 0, tlb_walks = 0;
  FaultCounts faults{};
  std::vector<ZoneRecord> zones;

  std::vector<std::uint64_t> times_ns;
  std::vector<Series> free;       // of each zone, as in `zones`
  std::vector<Series> fault_kinds;
  std::vector<Series> memory;     // page cache, anonymous, ...: what pages are used for
  std::vector<Series> tlb;
  std::vector<Series> resident;   // of each process, up to kMostProcesses
  static constexpr std::size_t kMostProcesses = 64;

  std::uint64_t frames_per_block = 0;
  std::vector<std::uint64_t> blocks;  // the first frame of each
  std::vector<Picture> pictures;

  std::vector<ProcessRecord> processes;
  std::vector<std::string> messages;  // what the kernel's log said meanwhile
};

}  // namespace quire
