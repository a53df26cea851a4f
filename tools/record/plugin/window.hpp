// The pages that a thread touched since its window began, each with the number of its touches.
//
// A page is found by a hash of one step; a second page of the same place ends the window, as does
// a page touched `limit` times and every call. When memory changes, all threads' windows are made
// stale: no touch is within the limit, so that the next one begins a window.
//
// Locking  A window is its thread's alone, but for the limit, which others take away.
//          The list of threads has a lock, which a child of fork starts anew.
// Cost     A touch that is found: a dozen instructions. This is what recording costs.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "tools/record/plugin/guest.hpp"
#include "tools/record/plugin/stream_writer.hpp"

namespace quire::record {

// An instruction is a fetch, so that this is some 10 us of a program at its own speed.
inline constexpr std::uint64_t kUsualWindow = 32768;
inline constexpr std::uint64_t kLongestWindow = 32768;

enum class Touch : std::uint8_t { kRead, kWrite, kFetch };

struct GuestBytes {
  std::uint64_t address = 0;
  std::uint64_t length = 0;
};

// Pages [first, end).
struct GuestPages {
  std::uint64_t first = 0;
  std::uint64_t end = 0;
};

struct Call {
  std::int64_t number = -1;
  std::array<std::uint64_t, 8> arguments{};  // Linux has six
  std::uint64_t sequence = 0;                // taken when it began, where its place is then
  GuestFile file = {};                       // what it is about, as it was then
  GuestFile to = {};                         // of a copy
  std::uint32_t child = 0;
};

class Thread {
 public:
  // The calling thread's; made when it is first asked for.
  [[nodiscard]] static Thread& current();
  // In a child of fork: its only thread, of process `process`, with nothing recorded yet.
  static Thread& begin_child(std::uint32_t process);
  // Memory is about to be another, or has just become so.
  static void memory_changes(const Thread& by);
  // No other thread runs; what they have is written.
  static void end_all_windows();
  // The calling thread ends.
  static void end_current();
  // Touches of these are not the program's. Before it runs.
  static void pass_over(GuestPages pages);

  // `times` is less than 2^12.
  static void touch(std::uint64_t page, Touch touch, std::uint64_t times) {
    const std::uint64_t key = key_of(page, touch);
    Thread& self = *current_;
    std::uint64_t& slot = self.slots_[place_of(key)];
    // Of another page the difference is more than any limit.
    const std::uint64_t touched = slot - (key << kCountBits) + times;
    if (touched >= self.limit_.load(std::memory_order_relaxed)) [[unlikely]]
      return missed({key, times});
    slot += times;
  }
  void touch_bytes(GuestBytes bytes, Touch touch);
  void end_window();

  StreamWriter stream;
  Call call;
  static std::uint64_t limit;  // at most kLongestWindow

 private:
  // A slot is a key, 0 if empty, above how often it was touched. Direct-mapped; what a sort of some
  // megabytes touches has its place here, and 32 KiB of slots stay in a CPU's first cache.
  static constexpr unsigned kSlots = 4096;
  static constexpr unsigned kCountBits = 16;
  static constexpr std::uint64_t kCountMask = (1 << kCountBits) - 1;
  static_assert(kLongestWindow + (1 << 12) <= kCountMask);
  struct Touches {
    std::uint64_t key;
    std::uint64_t times;
  };

  static std::uint64_t key_of(std::uint64_t page, Touch touch) {
    return 3 * page + static_cast<std::uint64_t>(touch) + 1;
  }
  static unsigned place_of(std::uint64_t key) { return (key ^ key >> 12) % kSlots; }
  [[gnu::noinline]] static void missed(Touches touches);
  [[nodiscard]] static bool is_passed_over(std::uint64_t key);
  void insert(Touches touches);

  std::atomic<std::uint64_t> limit_ = 0;  // 0: none yet, or memory has changed
  std::array<std::uint64_t, kSlots> slots_{};
  std::array<std::uint16_t, kSlots> order_{};
  unsigned used_ = 0;
  std::uint64_t sequence_ = 0;  // of the window
  std::uint32_t epoch_ = 0;
  Thread* next_ = nullptr;
  static constexpr unsigned kMostPassedOver = 4;
  static std::array<GuestPages, kMostPassedOver> passed_over_;
  // Of a thread that has none yet, one without pages: touch() need not ask.
  static Thread none_;
  static constinit thread_local Thread* current_;
};

}  // namespace quire::record
