// What flushing asks of an address space: which CPUs use it, and how often it was changed.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>

#include "base/base.hpp"

namespace quire {

// A bit for each CPU of a machine (cpumask). Any CPU may change any bit.
class CpuMask {
 public:
  using Word = std::atomic<std::uint64_t>;
  static constexpr std::size_t words_for(unsigned cpus) { return (cpus + 63) / 64; }

  CpuMask() = default;
  // All words are 0.
  explicit CpuMask(std::span<Word> words) : words_(words) {}

  void set(CpuId cpu) { word(cpu).fetch_or(bit(cpu)); }
  void clear(CpuId cpu) { word(cpu).fetch_and(~bit(cpu)); }
  void clear_all() {
    for (Word& word : words_) word.store(0);
  }
  void add(const CpuMask& other) {
    for (std::size_t i = 0; i < words_.size(); ++i) words_[i].fetch_or(other.words_[i].load());
  }
  [[nodiscard]] bool has(CpuId cpu) const { return (word(cpu).load() & bit(cpu)) != 0; }
  [[nodiscard]] bool any() const {
    for (const Word& word : words_)
      if (word.load() != 0) return true;
    return false;
  }
  [[nodiscard]] bool any_but(CpuId cpu) const {
    for (std::size_t i = 0; i < words_.size(); ++i)
      if ((words_[i].load() & ~(i == index_of(cpu) / 64 ? bit(cpu) : 0)) != 0) return true;
    return false;
  }
  // Visits each CPU that was in the mask when its word was looked at.
  template <class Visit>
  void for_each(Visit visit) const {
    for (std::size_t i = 0; i < words_.size(); ++i)
      for (std::uint64_t left = words_[i].load(); left != 0; left &= left - 1)
        visit(CpuId{static_cast<std::uint16_t>(i * 64 + ffs0(left))});
  }

 private:
  [[nodiscard]] Word& word(CpuId cpu) const { return words_[index_of(cpu) / 64]; }
  static constexpr std::uint64_t bit(CpuId cpu) {
    return std::uint64_t{1} << index_of(cpu) % 64;
  }

  std::span<Word> words_;
};

// The part of an address space (mm_struct) that concerns translation caches. The kernel has one,
// of which all CPUs' caches hold translations.
//
// Ownership  The address space's; it stays until Tlb::leave() has taken it from all CPUs.
// Locking    None: all is atomic.
class TlbMm {
 public:
  // `root` is the frame of its top table. `id` is unique while the machine lives (Tlb::new_id()).
  TlbMm(Pfn root, std::uint64_t id, std::span<CpuMask::Word> cpus)
      : root_(root), id_(id), cpus_(cpus) {}

  [[nodiscard]] Pfn root() const { return root_; }
  // Before any CPU has loaded it.
  void set_root(Pfn root) { root_ = root; }
  [[nodiscard]] std::uint64_t id() const { return id_; }
  // Those that have its tables loaded, lazily or not.
  [[nodiscard]] CpuMask& cpus() { return cpus_; }
  [[nodiscard]] const CpuMask& cpus() const { return cpus_; }

  // Counts the flushes that were asked for: a CPU that lags behind has some of them to do.
  [[nodiscard]] std::uint64_t generation() const { return generation_.load(); }
  std::uint64_t next_generation() { return generation_.fetch_add(1) + 1; }

  // Between these, translations may be staler than the tables: entries are being taken away, and
  // the flush comes before anything is done with what they mapped (tlb_gather_mmu).
  void begin_gather() { gathers_.fetch_add(1); }
  void end_gather() { gathers_.fetch_sub(1); }
  [[nodiscard]] bool gathering() const { return gathers_.load() != 0; }

  // The last batch that has put its flush off, and the generation that it asked for.
  struct Batched {
    std::uint64_t ticket = 0;
    std::uint64_t generation = 0;
  };
  void set_batched(Batched batched) {
    batched_ticket_.store(batched.ticket, std::memory_order_relaxed);
    batched_generation_.store(batched.generation, std::memory_order_relaxed);
  }
  // Unless another batch has come since.
  void forget_batched(Batched done) { batched_ticket_.compare_exchange_strong(done.ticket, 0); }
  [[nodiscard]] Batched batched() const {
    return {batched_ticket_.load(std::memory_order_relaxed),
            batched_generation_.load(std::memory_order_relaxed)};
  }

 private:
  Pfn root_;
  std::uint64_t id_;
  CpuMask cpus_;
  std::atomic<std::uint64_t> generation_ = 1;
  std::atomic<std::uint32_t> gathers_ = 0;
  std::atomic<std::uint64_t> batched_ticket_ = 0;
  std::atomic<std::uint64_t> batched_generation_ = 0;
};

// Flushes put off until many entries have been taken away (arch_tlbflush_unmap_batch): the CPUs
// that must flush. One a task, used by it alone.
class TlbBatch {
 public:
  explicit TlbBatch(std::span<CpuMask::Word> cpus) : cpus_(cpus) {}
  [[nodiscard]] bool pending() const { return ticket_ != 0; }

 private:
  friend class Tlb;
  CpuMask cpus_;
  std::uint64_t ticket_ = 0;  // 0: nothing is put off
};

}  // namespace quire
