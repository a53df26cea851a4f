// What the plugin writes while a program runs, and the merger reads afterwards: a folder with
// `control`, which all processes of the recording share, and a stream of records for each thread.
//
// A stream is a file that its thread has mapped, so that what was written is there however the
// process ends. A record is visible once its sequence is not 0. Sequences order the records of all
// streams; within a stream they ascend.
#pragma once

#include <atomic>
#include <cstdint>

namespace quire::record {

struct Control {
  std::atomic<std::uint64_t> next_sequence;
  std::atomic<std::uint32_t> next_process;
  std::atomic<std::uint32_t> next_stream;
  std::atomic<std::uint32_t> failed;  // the errno with which a stream could not be made longer
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

enum class RecordKind : std::uint32_t {
  kPadding = 1,  // up to the end of the piece that was mapped
  kBegin,        // words: process, tid. The first of each stream
  kWindow,       // each word a WindowEntry
  kMmap,         // address, length, protection, flags, file key, offset
  kMunmap,       // address, length
  kMremap,       // address, length, new length, new address, flags
  kMprotect,     // address, length, protection
  kMadvise,      // address, length, advice
  kBrk,          // end
  kFork,         // process, pid, vfork
  kClone,        // tid
  kExec,         // entry, brk start, pid; path
  kSegment,      // address, file length, memory length, protection, file key, offset
  kStack,        // low, high
  kExit,         // status, process
  kFile,         // key, size; path
  kOpen,         // file key, fd, flags
  kClose,        // file key, fd
  kTransfer,     // file key, offset, length, write
  kTruncate,     // file key, size
  kMlock,        // address, length, lock
  kMsync,        // address, length, flags
  kSync,         // file key
};

struct Record {
  std::uint64_t sequence;
  RecordKind kind;
  std::uint32_t bytes;  // this head, the words, a text padded with 0; a multiple of 8
};
static_assert(sizeof(Record) == 16);

// A page's touches in a window: page << 2 | touch in the low bits, the number of touches above.
inline constexpr unsigned kEntryKeyBits = 40;
inline constexpr std::uint64_t kEntryKeyMask = (std::uint64_t{1} << kEntryKeyBits) - 1;
inline constexpr std::uint64_t kMostTimes = (std::uint64_t{1} << (64 - kEntryKeyBits)) - 1;

// The key of no file. Others are made of device, inode and time of birth.
inline constexpr std::uint64_t kNoFileKey = 0;

// Where guest programs lie: qemu-user puts them below itself when no base is asked for.
inline constexpr std::uint64_t kGuestEnd = 0x5000'0000'0000;

}  // namespace quire::record
