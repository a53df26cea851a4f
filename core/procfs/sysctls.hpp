// The vm.* tunables and kernel.randomize_va_space: their values, which texts may be written to
// them, and what a write changes.
//
// Ownership  The values that zones are sized by are zone/'s Tunables, held by reference; the rest
//            lives here.
// Errors     Linux's for the same text: kInvalid for what is no number or out of range, kRange for
//            a limit on dirty memory beyond 2^32 pages. The old value stays.
// Locking    lock_ orders writes and all that is recomputed by them. Values may be read anywhere.
// Source     Documentation/admin-guide/sysctl/{vm,kernel}.rst; the answers that a running kernel
//            gave to good and bad values (tests/oracle/sysctl_refusals.txt).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/base.hpp"
#include "boot/boot.hpp"
#include "host/host.hpp"
#include "zone/zone.hpp"

namespace quire {

enum class Sysctl : std::uint8_t {
#define QUIRE_ROW(enumerator, ...) enumerator,
#include "procfs/sysctl_rows.inc"
#undef QUIRE_ROW
  kCount
};
inline constexpr unsigned kSysctls = static_cast<unsigned>(Sysctl::kCount);
constexpr unsigned index_of(Sysctl sysctl) { return static_cast<unsigned>(sysctl); }

// How a text is read, and what of it counts.
enum class SysctlRule : std::uint8_t {
  kInt,            // one int within the limits
  kUnsigned,       // one unsigned long, the lowest at least
  kBool,           // one number of any size: 0 or not
  kRatios,         // an int for each zone; an error ends the reading and is not told
  kAnything,       // any text: writing is what counts
  kZonelistOrder,  // a word that begins as Node or Default does
};

enum class SysctlKernels : std::uint8_t { kAll, k64Bit, k32Bit };

// Where below /proc/sys it is.
struct SysctlPlace {
  std::string_view folder;  // "vm", "kernel"
  std::string_view file;
  bool operator==(const SysctlPlace&) const = default;
};

struct SysctlRow {
  Sysctl id;
  std::string_view name;  // as sysctl(8) has it, but without "vm."
  std::uint16_t mode;     // of the file, as chmod(1) has it
  SysctlKernels kernels;
  SysctlRule rule;
  std::int64_t lowest;
  std::int64_t highest;
  std::int64_t initial;

  [[nodiscard]] SysctlPlace place() const {
    const std::size_t dot = name.find('.');
    if (dot == std::string_view::npos) return {"vm", name};
    return {{name.data(), dot}, {name.data() + dot + 1, name.size() - dot - 1}};
  }
  [[nodiscard]] bool is_in(ArchProfile arch) const {
    return kernels == SysctlKernels::kAll ||
           (kernels == SysctlKernels::k32Bit) == (arch == ArchProfile::kX86_32);
  }
};
std::span<const SysctlRow> sysctl_rows();

// Told of each value that was written, when no lock is held any more.
class SysctlListener {
 public:
  virtual void written(Sysctl sysctl, std::int64_t old) = 0;

 protected:
  ~SysctlListener() = default;
};

class Sysctls {
 public:
  Sysctls(Nodes& nodes, Tunables& tunables);

  // Null: nobody. While nobody else uses the machine.
  void set_listener(SysctlListener* listener) { listener_ = listener; }

  // Sizes user_reserve_kbytes and admin_reserve_kbytes by what is free; once, at the end of boot.
  void size_reserves();

  // Nothing when the machine's kernel has no such file.
  [[nodiscard]] std::optional<Sysctl> find(const SysctlPlace& place) const;

  // A number as it is shown, or as many bits as Linux keeps of it; not for kLowmemReserveRatio.
  [[nodiscard]] std::int64_t get(Sysctl sysctl) const;
  [[nodiscard]] std::uint64_t get_unsigned(Sysctl sysctl) const {
    return static_cast<std::uint64_t>(get(sysctl));
  }

  // Writes the value and a newline. kAccess for what can only be written. As in Linux, reading
  // lowmem_reserve_ratio computes every zone's protection anew, from the pages managed by now.
  Result<void> show(Sysctl sysctl, Text& out) QUIRE_EXCLUDES(lock_);
  // The bytes of `text` that were taken: fewer than it has when one number was enough.
  Result<std::size_t> write(Sysctl sysctl, std::string_view text) QUIRE_EXCLUDES(lock_);

  // Memory came or went: min_free_kbytes is computed anew, unless a larger one was asked for, and
  // everything that follows from it; then raised for huge pages, whatever was asked for.
  void memory_changed(bool huge_pages) QUIRE_EXCLUDES(lock_);
  // min_free_kbytes as khugepaged sets it whenever huge pages are switched on or off.
  void huge_pages_switched(bool on) QUIRE_EXCLUDES(lock_);

 private:
  Result<std::size_t> write_locked(const SysctlRow& row, std::string_view text)
      QUIRE_REQUIRES(lock_);
  Result<std::size_t> write_number(const SysctlRow& row, std::string_view text)
      QUIRE_REQUIRES(lock_);
  void show_ratios(Text& out) QUIRE_EXCLUDES(lock_);
  std::size_t write_ratios(std::string_view text) QUIRE_REQUIRES(lock_);
  Result<void> check(Sysctl sysctl, std::int64_t value) const;
  void put(Sysctl sysctl, std::int64_t value) QUIRE_REQUIRES(lock_);
  void apply(Sysctl sysctl, std::int64_t old) QUIRE_REQUIRES(lock_);
  void count_dropped_caches();

  Nodes& nodes_;
  Tunables& tunables_;
  SpinLock lock_{LockRank::kSysctl};
  std::array<Setting, kSysctls> values_;
  SysctlListener* listener_ = nullptr;
};

}  // namespace quire
