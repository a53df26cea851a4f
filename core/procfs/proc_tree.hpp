// Every /proc and /sys file of a machine by its path: read, write, list.
//
//   ProcTree tree(sources);
//   tree.read("proc/sys/vm/swappiness", sink);
//   tree.write("proc/sys/vm/swappiness", "10\n");   // as `echo 10 >` does
//   tree.set("vm.swappiness", "10");                // as sysctl(8) does
//
// Paths    Relative to the root: "proc/zoneinfo", "sys/devices/system/node/node0/meminfo".
// Errors   kNoEntry: no such file. kAccess: it can only be written, or only be read; kIo: a write
//          to a file of /proc that takes none. What writing can give besides: procfs/sysctls.hpp.
// Cost     The text is made at each read. No heap: it leaves through the sink piece by piece.
// Locking  A process does not come or go while its files are read or all are listed. Zone locks for
//          a moment at a time; readers see numbers that change while they read.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/base.hpp"
#include "procfs/sources.hpp"

namespace quire {

class PathVisitor {
 public:
  // `mode` is the file's, as chmod(1) has it: 0200 and 0600 are root's alone, 0200 has no text.
  virtual void visit(std::string_view path, std::uint16_t mode) = 0;

 protected:
  ~PathVisitor() = default;
};

class ProcTree {
 public:
  explicit ProcTree(const ProcSources& sources) : sources_(sources) {}

  Result<void> read(std::string_view path, TextSink& sink) const;
  // Of a file of 64-bit words, proc/PID/pagemap, proc/kpagecount or proc/kpageflags, those from
  // number `first` on; how many there are. Such files are not listed.
  Result<std::size_t> read_words(std::string_view path, std::uint64_t first,
                                 std::span<std::uint64_t> words) const;
  // The bytes of `text` that were taken. Linux takes less than all of them when one number was
  // enough, and whoever writes has to go on with the rest.
  Result<std::size_t> write(std::string_view path, std::string_view text) const;
  // The same by the name that sysctl(8) has for it, "vm.swappiness", or by an absolute path.
  Result<std::size_t> set(std::string_view name, std::string_view text) const;

  // Visits every file, by directory.
  void list(PathVisitor& visitor) const;

 private:
  ProcSources sources_;
};

}  // namespace quire
