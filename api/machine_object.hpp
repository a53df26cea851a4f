// What a struct quire_machine is: a booted machine with the host it runs on and the pool of CPUs
// that threads attach to.
//
// Ownership  What is dirty of files is written first. Then parts end in reverse order: threads'
//            claims go dead with the pool, then the machine, then its host with all memory.
// Locking    Entered by one call at a time on a simulated machine (sim_lock); on a native one by
//            any number. See Call.
// Errors     boot(): a ParseError or Errno as text.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <shared_mutex>
#include <string>

#include "api/areas.hpp"
#include "api/file_store.hpp"
#include "api/held_pages.hpp"
#include "api/logging_host.hpp"
#include "hosts/native/cpu_pool.hpp"
#include "hosts/native/native_host.hpp"
#include "hosts/native/native_kernel_thread.hpp"
#include "hosts/sim/sim_host.hpp"
#include "hosts/sim/sim_kernel_thread.hpp"
#include "include/quire/quire.h"
#include "machine/machine.hpp"
#include "tools/machine_file/machine_file.hpp"

struct quire_machine {
  explicit quire_machine(const quire_options& options);
  ~quire_machine();
  quire_machine(const quire_machine&) = delete;
  quire_machine& operator=(const quire_machine&) = delete;

  // Why not, or nothing.
  std::optional<std::string> boot(const quire::machine_file::MachineFile& file);

  // Its first process comes: from now on it has files, and a task that writes them back.
  void begin_processes(quire::ProcessFloor& floor);

  // `page` as the core knows it, or null when it is no page of this machine.
  [[nodiscard]] quire::Page* page_of(const quire_page* page) const;
  // The page whose content holds `address`, or null.
  [[nodiscard]] quire::Page* page_at(const void* address) const;
  // The zone that the page belongs to; null for a page in a hole.
  [[nodiscard]] quire::Zone* zone_of(const quire::Page& page) const;
  [[nodiscard]] quire::CpuId last_cpu() const;
  // Where a program's per-CPU variable has its pieces; they are made when it is first met.
  quire::Result<quire::PercpuOffset> offset_of(const quire_percpu_variable& variable);
  // The caches that callers have; one that stands for several (merged) is there as often.
  [[nodiscard]] bool has_cache(quire::KmemCache* cache) const;
  void add_cache(quire::KmemCache* cache);
  void drop_cache(quire::KmemCache* cache);

  std::optional<quire::SimHost> sim;
  std::optional<quire::LoggingHost> sim_log;
  std::optional<quire::NativeHost> native;
  std::mutex sim_lock;
  std::unique_ptr<quire::Machine> machine;
  std::optional<quire::CpuPool> pool;
  // Null: there has been no process. Exclusively: processes come and go; taken within a Call.
  quire::ProcessFloor* process_floor = nullptr;
  std::shared_mutex processes_lock;
  // Of the processes, for threads that leave their CPU; null: the same.
  std::atomic<quire::Lru*> lists = nullptr;
  std::optional<quire::api::FileStore> files;
  std::optional<quire::SimKernelThread> sim_flusher;
  std::optional<quire::NativeKernelThread> native_flusher;
  quire::api::Areas areas;
  quire::api::HeldPages held_pages;
  // Distinguishes machines that lie at the same address one after the other.
  const std::uint64_t serial;

 private:
  mutable std::mutex caches_lock_;
  std::multiset<quire::KmemCache*> caches_;
  std::mutex variables_lock_;
  std::map<std::pair<const void*, std::size_t>, quire::PercpuOffset> variables_;
};
