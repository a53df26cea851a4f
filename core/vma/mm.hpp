// The address space of a process (mm_struct): its VMAs, its page tables, its books.
//
// Ownership  Whoever made it is its first user; with the last user gone, mm/ takes everything out
//            (exit_mmap) and destroy() gives the rest back. Its VMAs are its own.
// Locking    mmap_lock: shared to find VMAs and to fault, exclusive to change them (with
//            MmapWriteGuard), and the fields that say so. A fault may do with its VMA's own lock
//            (VmaReadGuard). Counters are atomic. A page table's entries belong to the lock of
//            their table (TableGuard). walks: shared to walk the tables with neither of the other
//            two, as a processor would, exclusive to free or move tables, and to fork; taken after
//            the others.
// Errors     create(): kNoMemory.
// Source     Documentation/filesystems/proc.rst (status, statm), admin-guide/mm/.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "base/base.hpp"
#include "host/host.hpp"
#include "filemap/filemap.hpp"
#include "lru/lru.hpp"
#include "memmap/memmap.hpp"
#include "page_alloc/page_alloc.hpp"
#include "pagetable/pagetable.hpp"
#include "slab/slab.hpp"
#include "vma/vm_area.hpp"
#include "vma/vm_rules.hpp"
#include "vma/vma_tree.hpp"

namespace quire {

// What a resident page counts as (mm_counter).
enum class Rss : std::uint8_t { kFile, kAnon, kSwap, kShmem };
inline constexpr unsigned kRssKinds = 4;

// RLIMIT_AS, _DATA, _STACK and _MEMLOCK, in bytes; what else exec and fork hand on.
struct Limits {
  static constexpr std::uint64_t kInfinity = ~std::uint64_t{0};
  std::uint64_t address_space = kInfinity;
  std::uint64_t data = kInfinity;
  std::uint64_t stack = 8 << 20;
  std::uint64_t locked = 8 << 20;
  bool ipc_lock = false;   // CAP_IPC_LOCK
  bool sys_admin = false;  // CAP_SYS_ADMIN: may use the last of what can be committed
  bool raw_io = false;     // CAP_SYS_RAWIO: may map below mmap_min_addr

  // personality(2): what exec makes of them.
  static constexpr std::uint32_t kAddrNoRandomize = 0x0040000;
  static constexpr std::uint32_t kAddrCompatLayout = 0x0200000;
  std::uint32_t personality = 0;
};

// Where exec has put things (mm_struct's fields of the same names).
struct MmLayout {
  VirtAddr task_size;
  VirtAddr mmap_base;
  bool bottom_up = false;  // the legacy layout: mappings grow upwards from mmap_base
  VirtAddr start_code, end_code;
  VirtAddr start_data, end_data;
  VirtAddr start_brk, brk;
  VirtAddr start_stack;
  VirtAddr arg_start, arg_end;
  VirtAddr env_start, env_end;
};

// What all address spaces of a machine share.
struct MmParts {
  Host& host;
  MemoryMap& map;
  Nodes& nodes;
  PageAllocator& pages;
  KernelTables& kernel;
  Tlb& tlb;
  Lru& lru;
  PageCache& cache;
  const VmRules& rules;
  Committed& committed;
  std::atomic<std::uint64_t>& last_shmem_inode;
  KmemCache& mms;
  KmemCache& vmas;
  KmemCache& vma_nodes;
  KmemCache& file_nodes;  // of Mappings
  Kmalloc& kmalloc;
  Pfn zero_page;      // what reads of untouched anonymous memory map; nobody counts its mappings
  bool keep_content;  // frames have content: pages are cleared and copied
  bool vma_locks;     // faults take their VMA's lock
};

class Mm {
 public:
  // An empty address space that shares the kernel's half, with one user.
  static Result<Mm*> create(const MmParts& parts, const MmLayout& layout);
  // Bytes of one, with the CPUs of `nodes` in its mask: the objects of MmParts::mms.
  static std::uint32_t bytes_of(const Nodes& nodes);
  // Gives back the tables and itself. Nobody uses it, and it has no VMAs.
  void destroy();
  Mm(const Mm&) = delete;
  Mm& operator=(const Mm&) = delete;

  void get() { users_.fetch_add(1, std::memory_order_relaxed); }
  // True: that was the last user.
  [[nodiscard]] bool put() { return users_.fetch_sub(1, std::memory_order_acq_rel) == 1; }
  [[nodiscard]] std::uint32_t users() const { return users_.load(std::memory_order_relaxed); }

  // A VMA like `like`, in no tree, with no chains; counted into nothing. Errors: kNoMemory.
  Result<Vma*> new_vma(const Vma& like);
  void free_vma(Vma& vma) { parts.vmas.free(&vma); }

  void count_rss(Rss kind, std::int64_t pages) {
    rss_.data()[index_of(kind)].fetch_add(pages, std::memory_order_relaxed);
  }
  [[nodiscard]] PageCount rss(Rss kind) const;
  // Resident pages of all kinds but swapped ones.
  [[nodiscard]] PageCount resident() const;
  // Keeps the highest values seen (VmHWM, VmPeak): before pages or VMAs go, and when shown.
  void note_peaks();

  // What was changed so far is whole, and faults may see it.
  void end_changes() {
    changes.store(changes.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }

  const MmParts& parts;
  RwSemaphore mmap_lock;
  RwSemaphore walks;
  std::atomic<std::uint64_t> changes = 1;  // how often mmap_lock was held exclusively (mm_lock_seq)
  VmaTree vmas;
  TlbMm tlb;
  PageTables tables;
  MmLayout layout;
  Limits limits;
  VmFlags default_flags{};       // of new mappings (mlockall)

  // In pages, guarded by mmap_lock.
  PageCount total, locked, data, exec, stack;
  std::atomic<std::uint64_t> peak_total = 0, peak_resident = 0;  // with it held shared too
  std::atomic<std::uint64_t> pinned = 0;
  std::atomic<bool> has_pinned = false;  // at some time: fork copies what may be pinned

 private:
  Mm(const MmParts& parts, const MmLayout& layout, std::span<CpuMask::Word> cpus);
  static unsigned index_of(Rss kind) { return static_cast<unsigned>(kind); }

  MmFlushSink sink_;
  KernelSharer sharer_{tables};
  std::atomic<std::uint32_t> users_ = 1;
  std::array<std::atomic<std::int64_t>, kRssKinds> rss_{};
};

// mmap_lock held exclusively, to change VMAs.
class QUIRE_SCOPED_CAPABILITY MmapWriteGuard {
 public:
  explicit MmapWriteGuard(Mm& mm) QUIRE_ACQUIRE(mm.mmap_lock) : mm_(mm) { mm_.mmap_lock.lock(); }
  ~MmapWriteGuard() QUIRE_RELEASE() {
    mm_.end_changes();
    mm_.mmap_lock.unlock();
  }
  MmapWriteGuard(const MmapWriteGuard&) = delete;
  MmapWriteGuard& operator=(const MmapWriteGuard&) = delete;

 private:
  Mm& mm_;
};

// What entries of a VMA of these flags allow, once a write to a private page has had its fault.
Prot prot_of(VmFlags flags);

}  // namespace quire
