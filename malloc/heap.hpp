// What malloc() is made of: a machine of this library's own, with a cache for each size class on
// its slabs; larger blocks are pages of the machine, and what is larger than its blocks is mapped.
//
//   up to 32 KiB    kSizeClasses, a KmemCache each
//   up to 4 MiB     PageBlocks
//   beyond          MappedBlocks
//
// Units      Bytes.
// Ownership  One heap a process, which lives as long as it.
// Locking    Any thread may call; hot paths (malloc/hot_path.hpp) need none of this.
// Errors     Null and ENOMEM at the limit and where the process may not have more. A pointer that
//            malloc() never gave is reported as Linux's kfree() does, or ends the process.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <new>

#include "machine/machine.hpp"
#include "malloc/mapped_blocks.hpp"
#include "malloc/page_blocks.hpp"
#include "malloc/process_host.hpp"
#include "malloc/settings.hpp"
#include "malloc/size_classes.hpp"
#include "malloc/threads.hpp"
#include "malloc/trimmer.hpp"

namespace quire::preload {

// A place for what is made when the process first allocates, and is never destroyed.
template <class T>
class Late {
 public:
  template <class... Args>
  T& make(Args&&... args) {
    return *new (place_) T(static_cast<Args&&>(args)...);
  }
  T* operator->() { return reinterpret_cast<T*>(place_); }
  const T* operator->() const { return reinterpret_cast<const T*>(place_); }
  T& operator*() { return *operator->(); }

 private:
  alignas(T) std::byte place_[sizeof(T)] = {};
};

struct HeapFigures {
  std::uint64_t page_bytes;       // of the machine that are not free
  std::uint64_t most_page_bytes;  // at once
  std::uint64_t given_back_bytes;
  std::uint64_t mapped_bytes;
  std::uint64_t mapped_blocks;
  std::size_t limit;
  std::uint64_t failures;         // allocations that gave null
};

class Heap {
 public:
  void* allocate(std::size_t size);
  // `align` is a power of two.
  void* allocate_aligned(std::size_t size, Alignment align);
  void free(void* block);
  // What realloc() does with a block, which is not null, and a size above 0.
  void* resize(void* block, std::size_t size);
  [[nodiscard]] std::size_t usable_size(const void* block);
  // Whether a block that was just allocated is all zeros.
  [[nodiscard]] bool comes_cleared(const void* block);

  // Gives all that is kept at hand back, and all free pages to the operating system.
  // Returns whether there were any.
  bool trim();

  [[nodiscard]] bool started() const { return state_.load() == State::kRunning; }

  // Once started.
  [[nodiscard]] HeapFigures figures();
  [[nodiscard]] const Settings& settings() const { return settings_; }
  [[nodiscard]] std::span<KmemCache* const> caches() const { return caches_; }
  [[nodiscard]] Machine& machine() { return *machine_; }

 private:
  enum class State : std::uint8_t { kNew, kStarting, kRunning, kFailed };

  bool start();
  bool boot();
  bool boot_with(Bytes ram);
  Result<void> make_caches();
  void fill_hot_path();
  static void empty_cpu(CpuContext& cpu);

  void* allocate_object(std::size_t index);
  void* allocate_pages(std::size_t size, Alignment align);
  void* allocate_mapped(std::size_t size, Alignment align);
  void free_in_machine(void* block, PageIndex index);
  [[nodiscard]] bool has_room_for(std::size_t bytes);
  [[nodiscard]] bool fits(std::size_t bytes);
  void give_up_what_is_kept();
  [[nodiscard]] std::uint64_t used_pages() const {
    return zone_->managed_pages() - static_cast<std::uint64_t>(zone_->free_pages());
  }
  void look_after_free_pages();
  [[nodiscard]] KmemCache& cache_of(const Page& page);

  std::atomic<State> state_ = State::kNew;
  PthreadMutex start_mutex_;
  ProcessHost host_;
  Settings settings_;
  Late<Machine> machine_;
  std::array<KmemCache*, kClasses> caches_{};
  Late<PageBlocks> page_blocks_;
  MappedBlocks mapped_;
  Late<Trimmer> trimmer_;
  Zone* zone_ = nullptr;
  std::atomic<std::uint64_t> failures_ = 0;
  std::atomic<std::uint64_t> gave_up_at_ns_ = 0;
};

extern constinit Heap heap;

}  // namespace quire::preload
