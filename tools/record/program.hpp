// What an execve would run: scripts are followed to their interpreter, as Linux does it.
//
// Used by the tool, to start a program, and within the plugin, where there are no exceptions.
#pragma once

#include <array>
#include <cstddef>
#include <cstdlib>

namespace quire::record {

// The path of an x86-64 ELF file, and what stands in front of the arguments behind the program's
// own name, when scripts were followed.
struct Program {
  Program() = default;
  ~Program() {
    for (char* const argument : front) std::free(argument);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  static constexpr int kMostScripts = 5;  // Linux: then ELOOP
  char path[4096] = {};
  int front_count = 0;
  std::array<char*, 2 * kMostScripts + 2> front{};  // from malloc
};

// 0, or the errno that execve(path) would give. ENOEXEC: not for this kind of recording. `program`
// is a new one.
[[nodiscard]] int find_program(const char* path, Program& program);

// Puts `text` behind what `to`, of `room` bytes, has, commas doubled as QEMU's options want them.
void append_option(char* to, std::size_t room, const char* text);

// `argv` of qemu-user, running `program` as `name` under a plugin: {qemu, "-plugin", plugin, "-0",
// name, environment..., path, front..., arguments...}. Variables of the loader (LD_...) are for the
// program, not for qemu: they are passed with -E, and taken out of `environment` in place.
struct QemuCommand {
  const char* qemu = nullptr;
  const char* plugin = nullptr;  // with its arguments
  const char* name = nullptr;    // argv[0]
  char* const* arguments = nullptr;  // behind argv[0]; ends with null
};
// From malloc; null when there is no memory.
[[nodiscard]] char** qemu_arguments(const QemuCommand& command, const Program& program,
                                    char** environment);

}  // namespace quire::record
