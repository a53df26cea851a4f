#include "tools/record/program.hpp"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace quire::record {
namespace {

constexpr std::size_t kHeadBytes = 256;  // Linux reads as much of a script's first line

struct Head {
  char bytes[kHeadBytes + 1];
  std::size_t size;
};

int read_head(const char* path, Head& head) {
  struct stat status{};
  if (stat(path, &status) != 0) return errno;
  if (!S_ISREG(status.st_mode)) return EACCES;
  if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) != 0) return errno;
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  const ssize_t got = read(fd, head.bytes, kHeadBytes);
  const int error = errno;
  close(fd);
  if (got < 0) return error;
  head.size = static_cast<std::size_t>(got);
  head.bytes[head.size] = '\0';
  return 0;
}

bool is_elf(const Head& head) {
  Elf64_Ehdr elf;
  if (head.size < sizeof elf) return false;
  std::memcpy(&elf, head.bytes, sizeof elf);
  return std::memcmp(elf.e_ident, ELFMAG, SELFMAG) == 0 && elf.e_ident[EI_CLASS] == ELFCLASS64 &&
         elf.e_machine == EM_X86_64 && (elf.e_type == ET_EXEC || elf.e_type == ET_DYN);
}

bool is_blank(char c) { return c == ' ' || c == '\t'; }

// "#! interpreter argument": the rest of the line is one argument.
int follow_script(Head& head, Program& program) {
  char* line = head.bytes + 2;
  line[std::strcspn(line, "\n")] = '\0';
  while (is_blank(*line)) ++line;
  for (std::size_t end = std::strlen(line); end != 0 && is_blank(line[end - 1]);)
    line[--end] = '\0';
  if (*line == '\0') return ENOEXEC;
  char* const end = line + std::strcspn(line, " \t");
  char* argument = end;
  while (is_blank(*argument)) ++argument;
  const bool has_argument = *argument != '\0';
  *end = '\0';
  const int added = has_argument ? 2 : 1;
  if (program.front_count + added > static_cast<int>(program.front.size())) return ELOOP;
  for (int i = program.front_count; i-- > 0;) program.front[i + added] = program.front[i];
  program.front[added - 1] = strdup(program.path);
  if (has_argument) program.front[0] = strdup(argument);
  program.front_count += added;
  std::snprintf(program.path, sizeof program.path, "%s", line);
  return 0;
}

bool is_for_the_loader(const char* variable) { return std::strncmp(variable, "LD_", 3) == 0; }

std::size_t length_of(char* const* list) {
  std::size_t length = 0;
  while (list != nullptr && list[length] != nullptr) ++length;
  return length;
}

}  // namespace

int find_program(const char* path, Program& program) {
  if (std::strlen(path) >= sizeof program.path) return ENAMETOOLONG;
  std::strcpy(program.path, path);
  for (int scripts = 0; scripts <= Program::kMostScripts; ++scripts) {
    Head head{};
    if (const int error = read_head(program.path, head); error != 0) return error;
    if (is_elf(head)) return 0;
    if (head.size < 2 || head.bytes[0] != '#' || head.bytes[1] != '!') return ENOEXEC;
    if (const int error = follow_script(head, program); error != 0) return error;
  }
  return ELOOP;
}

void append_option(char* to, std::size_t room, const char* text) {
  std::size_t at = std::strlen(to);
  for (; *text != '\0' && at + 2 < room; ++text) {
    if (*text == ',') to[at++] = ',';
    to[at++] = *text;
  }
  to[at] = '\0';
}

char** qemu_arguments(const QemuCommand& command, const Program& program, char** environment) {
  const std::size_t most = 8 + 2 * length_of(environment) + program.front.size() +
                           length_of(command.arguments);
  auto** const made = static_cast<char**>(std::calloc(most, sizeof(char*)));
  if (made == nullptr) return nullptr;
  char** to = made;
  const auto put = [&to](const char* text) { *to++ = const_cast<char*>(text); };
  put(command.qemu);
  put("-plugin");
  put(command.plugin);
  put("-0");
  // A script's interpreter is run by its own name.
  put(program.front_count == 0 ? command.name : program.path);
  char** kept = environment;
  for (char** at = environment; at != nullptr && *at != nullptr; ++at) {
    if (is_for_the_loader(*at)) {
      put("-E");
      put(*at);
    } else {
      *kept++ = *at;
    }
  }
  if (kept != nullptr) *kept = nullptr;
  put(program.path);
  for (int i = 0; i < program.front_count; ++i) put(program.front[i]);
  for (char* const* at = command.arguments; at != nullptr && *at != nullptr; ++at) put(*at);
  return made;
}

}  // namespace quire::record
