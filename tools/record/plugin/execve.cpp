#include "tools/record/plugin/execve.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tools/record/plugin/guest.hpp"
#include "tools/record/plugin/qemu_plugin.h"
#include "tools/record/program.hpp"

namespace quire::record {
namespace {

char qemu[4096];
char library[3 * 4096];  // and its arguments

struct GuestCall {
  int directory;
  std::uint64_t path, arguments, environment;
  std::uint64_t flags;
};

GuestCall call_of(const Call& call) {
  const auto& a = call.arguments;
  if (call.number == SYS_execve) return {AT_FDCWD, a[0], a[1], a[2], 0};
  return {static_cast<int>(a[0]), a[1], a[2], a[3], a[4]};
}

// A list of texts of the guest, its words copied: null where it cannot be read.
char** copy_list(Thread& thread, std::uint64_t address) {
  std::size_t count = 0, room = 64;
  auto** list = static_cast<char**>(std::calloc(room, sizeof(char*)));
  while (list != nullptr && address != 0) {
    if (read_guest(address + count * sizeof(char*), &list[count], sizeof(char*)) != sizeof(char*))
      return nullptr;
    if (list[count] == nullptr) break;
    const auto text = reinterpret_cast<std::uint64_t>(list[count]);
    thread.touch_bytes({text, guest_text_length(text) + 1}, Touch::kRead);
    if (++count == room) {
      room *= 2;
      list = static_cast<char**>(std::realloc(list, room * sizeof(char*)));
    }
  }
  thread.touch_bytes({address, (count + 1) * sizeof(char*)}, Touch::kRead);
  return list;
}

// The path from here to what the call names; false where there is none.
bool path_of(const GuestCall& call, char (&path)[4096]) {
  char named[4096];
  if (!read_guest_path(call.path, named)) return false;
  const std::size_t length = std::strlen(named);
  if (std::strcmp(named, "/proc/self/exe") == 0) {
    std::snprintf(path, sizeof path, "%s", qemu_plugin_path_to_binary());
    return true;
  }
  if (length != 0 && (named[0] == '/' || call.directory == AT_FDCWD)) {
    std::snprintf(path, sizeof path, "%s", named);
    return true;
  }
  if (length == 0 && (call.flags & AT_EMPTY_PATH) == 0) return false;
  char link[64];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", call.directory);
  const ssize_t got = readlink(link, path, sizeof path - 1);
  if (got <= 0) return false;
  path[got] = '\0';
  if (length != 0) {
    const auto at = static_cast<std::size_t>(got);
    std::snprintf(path + at, sizeof path - at, "/%s", named);
  }
  return true;
}

}  // namespace

void remember_recorder(int argc, char** argv) {
  const ssize_t length = readlink("/proc/self/exe", qemu, sizeof qemu - 1);
  qemu[length > 0 ? length : 0] = '\0';
  Dl_info info{};
  dladdr(reinterpret_cast<void*>(&remember_recorder), &info);
  append_option(library, sizeof library, info.dli_fname);
  for (int i = 0; i < argc; ++i) {
    if (std::strncmp(argv[i], "process=", 8) == 0) continue;
    std::strncat(library, ",", sizeof library - std::strlen(library) - 1);
    append_option(library, sizeof library, argv[i]);
  }
}

void execve_begins(Thread& thread) {
  const GuestCall call = call_of(thread.call);
  char path[4096];
  Program program;
  if (!path_of(call, path)) return;
  thread.touch_bytes({call.path, guest_text_length(call.path) + 1}, Touch::kRead);
  if (const int error = find_program(path, program); error != 0) {
    if (error == ENOEXEC && access(path, X_OK) == 0)
      std::fprintf(stderr, "quire record: %s is no x86-64 program: it is not recorded\n", path);
    return;
  }
  char** const arguments = copy_list(thread, call.arguments);
  char** const environment = copy_list(thread, call.environment);
  char plugin[sizeof library + 32];
  std::snprintf(plugin, sizeof plugin, "%s,process=%u", library, recording.process);
  if (arguments == nullptr || environment == nullptr) return;
  const bool none = arguments[0] == nullptr;
  const QemuCommand command{.qemu = qemu,
                            .plugin = plugin,
                            .name = none ? "" : arguments[0],
                            .arguments = none ? arguments : arguments + 1};
  char** const line = qemu_arguments(command, program, environment);
  thread.end_window();
  if (line != nullptr) execve(qemu, line, environment);
  // Too long a list, most likely: the guest's own call tells.
  std::free(line);
  std::free(arguments);
  std::free(environment);
}

}  // namespace quire::record
