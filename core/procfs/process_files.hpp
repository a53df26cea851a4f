// The directory that each process has in /proc, and files of 64-bit words, which are as long as an
// address space or all RAM, so that they are read in pieces and not listed.
//
// Locking  The process does not exit meanwhile; its mmap_lock is taken here, shared.
// Source   Documentation/filesystems/proc.rst, admin-guide/mm/pagemap.rst; a recorded run
//          (tests/process/recorded).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/base.hpp"
#include "mm/mm.hpp"
#include "procfs/sources.hpp"

namespace quire {

inline constexpr std::string_view kProcDirectory = "proc/";

struct ProcessFile {
  std::string_view name;
  std::uint16_t mode;
  void (*show)(const ProcSources&, Process&, Text&);
};
std::span<const ProcessFile> process_files();

void show_maps(const ProcSources& from, Process& process, Text& out);
void show_smaps(const ProcSources& from, Process& process, Text& out);
void show_smaps_rollup(const ProcSources& from, Process& process, Text& out);
void show_numa_maps(const ProcSources& from, Process& process, Text& out);
void show_statm(const ProcSources& from, Process& process, Text& out);
void show_status(const ProcSources& from, Process& process, Text& out);

// Fills `words` from number `first` on; how many there are.
std::size_t read_pagemap(Process& process, std::uint64_t first, std::span<std::uint64_t> words);
std::size_t read_kpagecount(const ProcSources& from, Pfn first, std::span<std::uint64_t> words);
std::size_t read_kpageflags(const ProcSources& from, Pfn first, std::span<std::uint64_t> words);

}  // namespace quire
