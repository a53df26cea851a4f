// The part of QEMU's interface for TCG plugins, version 1 (QEMU 7.2), that the recorder uses,
// written from its documentation (QEMU's manual, "QEMU TCG Plugins"). QEMU resolves these
// functions when it loads the plugin.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

using qemu_plugin_id_t = std::uint64_t;
using qemu_plugin_meminfo_t = std::uint32_t;
struct qemu_plugin_tb;    // a translated block of instructions
struct qemu_plugin_insn;  // one of them

// The rest, about whole systems, is of no concern here.
struct qemu_info_t {
  const char* target_name;
  struct {
    int min;
    int cur;
  } version;
  bool system_emulation;
};

enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };
enum qemu_plugin_mem_rw { QEMU_PLUGIN_MEM_RW = 3 };

using quire_translated = void (*)(qemu_plugin_id_t, qemu_plugin_tb*);
using quire_executed = void (*)(unsigned vcpu, void* data);
using quire_accessed = void (*)(unsigned vcpu, qemu_plugin_meminfo_t, std::uint64_t address,
                                void* data);
using quire_called = void (*)(qemu_plugin_id_t, unsigned vcpu, std::int64_t number, std::uint64_t,
                              std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t,
                              std::uint64_t, std::uint64_t, std::uint64_t);
using quire_returned = void (*)(qemu_plugin_id_t, unsigned vcpu, std::int64_t number,
                                std::int64_t result);
using quire_ended = void (*)(qemu_plugin_id_t, void* data);

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, quire_translated);
void qemu_plugin_register_vcpu_tb_exec_cb(qemu_plugin_tb*, quire_executed, qemu_plugin_cb_flags,
                                          void* data);
void qemu_plugin_register_vcpu_insn_exec_cb(qemu_plugin_insn*, quire_executed,
                                            qemu_plugin_cb_flags, void* data);
void qemu_plugin_register_vcpu_mem_cb(qemu_plugin_insn*, quire_accessed, qemu_plugin_cb_flags,
                                      qemu_plugin_mem_rw, void* data);
void qemu_plugin_register_vcpu_syscall_cb(qemu_plugin_id_t, quire_called);
void qemu_plugin_register_vcpu_syscall_ret_cb(qemu_plugin_id_t, quire_returned);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, quire_ended, void* data);

std::size_t qemu_plugin_tb_n_insns(const qemu_plugin_tb*);
qemu_plugin_insn* qemu_plugin_tb_get_insn(const qemu_plugin_tb*, std::size_t index);
std::uint64_t qemu_plugin_insn_vaddr(const qemu_plugin_insn*);
std::size_t qemu_plugin_insn_size(const qemu_plugin_insn*);
unsigned qemu_plugin_mem_size_shift(qemu_plugin_meminfo_t);  // log2 bytes
bool qemu_plugin_mem_is_store(qemu_plugin_meminfo_t);

// What the program is; the text is the caller's to free.
const char* qemu_plugin_path_to_binary(void);
std::uint64_t qemu_plugin_entry_code(void);

}  // extern "C"
