// The plugin that qemu-user loads: libquire_record.so, with the arguments
//   folder=F     where the recording's streams lie, absolute
//   process=N    which process of the recording this is
//   window=N     touches of one page that end a window
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tools/record/plugin/calls.hpp"
#include "tools/record/plugin/execve.hpp"
#include "tools/record/plugin/image.hpp"
#include "tools/record/plugin/qemu_plugin.h"
#include "tools/record/plugin/window.hpp"

namespace quire::record {
namespace {

constexpr unsigned kPageBits = 12;
constexpr std::uint64_t kPageMask = (1 << kPageBits) - 1;
// What one instruction accesses at once is no longer.
constexpr std::uint64_t kLongestAccess = 16;

[[gnu::noinline]] void accessed_at_end(qemu_plugin_meminfo_t info, std::uint64_t address,
                                       Touch kind) {
  const std::uint64_t last = address + (std::uint64_t{1} << qemu_plugin_mem_size_shift(info)) - 1;
  Thread::touch(address >> kPageBits, kind, 1);
  if (last >> kPageBits != address >> kPageBits) Thread::touch(last >> kPageBits, kind, 1);
}

// The bit of what qemu-user says of an access that tells a write: of each bit alone it was asked.
unsigned store_bit = 0;

bool learn_store_bit() {
  unsigned stores = 0;
  for (unsigned bit = 0; bit < 32; ++bit)
    if (qemu_plugin_mem_is_store(qemu_plugin_meminfo_t{1} << bit)) {
      store_bit = bit;
      ++stores;
    }
  return stores == 1 && !qemu_plugin_mem_is_store(0);
}

Touch kind_of(qemu_plugin_meminfo_t info) {
  static_assert(static_cast<unsigned>(Touch::kRead) == 0 &&
                static_cast<unsigned>(Touch::kWrite) == 1);
  return static_cast<Touch>(info >> store_bit & 1);
}

// Callbacks for reads alone, or writes alone, are called for others as well by qemu-user 7.2.
void accessed(unsigned, qemu_plugin_meminfo_t info, std::uint64_t address, void*) {
  const Touch kind = kind_of(info);
  if ((address & kPageMask) > kPageMask + 1 - kLongestAccess) [[unlikely]]
    return accessed_at_end(info, address, kind);
  return Thread::touch(address >> kPageBits, kind, 1);
}

// A page and how many instructions of a block are fetched from it, in a pointer.
constexpr unsigned kCountBits = 12;

struct Fetch {
  std::uint64_t page;
  std::uint64_t instructions;
};

void* pointer_of(Fetch fetch) {
  return reinterpret_cast<void*>(fetch.page << kCountBits | fetch.instructions);
}

void fetched(unsigned, void* data) {
  const auto fetch = reinterpret_cast<std::uint64_t>(data);
  Thread::touch(fetch >> kCountBits, Touch::kFetch,
                fetch & ((1 << kCountBits) - 1));
}

std::uint64_t page_of_end(const qemu_plugin_insn* instruction) {
  return (qemu_plugin_insn_vaddr(instruction) + qemu_plugin_insn_size(instruction) - 1) >>
         kPageBits;
}

void translated(qemu_plugin_id_t, qemu_plugin_tb* block) {
  tell_image_once();
  const std::size_t count = qemu_plugin_tb_n_insns(block);
  const std::uint64_t first =
      qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(block, 0)) >> kPageBits;
  std::size_t on_first = 0;
  qemu_plugin_insn* crossing = nullptr;  // the first that ends on the second page
  for (std::size_t i = 0; i < count; ++i) {
    qemu_plugin_insn* const instruction = qemu_plugin_tb_get_insn(block, i);
    qemu_plugin_register_vcpu_mem_cb(instruction, accessed, QEMU_PLUGIN_CB_NO_REGS,
                                     QEMU_PLUGIN_MEM_RW, nullptr);
    if (page_of_end(instruction) == first)
      ++on_first;
    else if (crossing == nullptr)
      crossing = instruction;
  }
  if (crossing != nullptr) {
    qemu_plugin_register_vcpu_insn_exec_cb(crossing, fetched, QEMU_PLUGIN_CB_NO_REGS,
                                           pointer_of({page_of_end(crossing), count - on_first}));
    if (qemu_plugin_insn_vaddr(crossing) >> kPageBits == first && on_first == 0) on_first = 1;
  }
  if (on_first != 0)
    qemu_plugin_register_vcpu_tb_exec_cb(block, fetched, QEMU_PLUGIN_CB_NO_REGS,
                                         pointer_of({first, on_first}));
}

bool take_argument(const char* argument) {
  const char* const value = std::strchr(argument, '=');
  if (value == nullptr) return false;
  const auto is = [&](const char* name) {
    return std::strncmp(argument, name, static_cast<std::size_t>(value - argument)) == 0 &&
           name[value - argument] == '\0';
  };
  if (is("folder")) recording.folder = strdup(value + 1);
  if (is("process"))
    recording.process = static_cast<std::uint32_t>(std::strtoul(value + 1, nullptr, 10));
  if (is("window"))
    Thread::limit = std::min<std::uint64_t>(std::strtoul(value + 1, nullptr, 10), kLongestWindow);
  return true;
}

bool map_control() {
  char path[4096];
  std::snprintf(path, sizeof path, "%s/control", recording.folder);
  const int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return false;
  void* const mapped =
      mmap(nullptr, sizeof(Control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (mapped == MAP_FAILED) return false;
  recording.control = static_cast<Control*>(mapped);
  return true;
}

}  // namespace
}  // namespace quire::record

extern "C" {

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id,
                                                               const qemu_info_t* info, int argc,
                                                               char** argv) {
  using namespace quire::record;
  for (int i = 0; i < argc; ++i)
    if (!take_argument(argv[i])) return -1;
  if (info->system_emulation || recording.folder == nullptr || !map_control() ||
      !learn_store_bit())
    return -1;
  remember_recorder(argc, argv);
  qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
  qemu_plugin_register_vcpu_syscall_cb(
      id, [](qemu_plugin_id_t, unsigned, std::int64_t number, auto... arguments) {
        call_begins({.number = number, .arguments = {arguments...}});
      });
  qemu_plugin_register_vcpu_syscall_ret_cb(
      id, [](qemu_plugin_id_t, unsigned, auto, std::int64_t result) { call_ends(result); });
  qemu_plugin_register_atexit_cb(id, process_ends, nullptr);
  return 0;
}

}  // extern "C"
