#include "tools/record/record.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <utility>

#include "tools/record/merge.hpp"
#include "tools/record/program.hpp"
#include "tools/record/stream.hpp"

namespace quire::record {
namespace {

constexpr int kNoProgram = 127;
constexpr const char* kQemu = "qemu-x86_64";

volatile std::sig_atomic_t interrupts = 0;

void count_interrupt(int) { interrupts = interrupts + 1; }

// Ctrl-C and the like are counted, and nothing is restarted after them.
class InterruptsCounted {
 public:
  InterruptsCounted() {
    interrupts = 0;
    struct sigaction action{};
    action.sa_handler = count_interrupt;
    for (std::size_t i = 0; i < std::size(kSignals); ++i)
      sigaction(kSignals[i], &action, &before_[i]);
  }
  ~InterruptsCounted() { restore(); }
  InterruptsCounted(const InterruptsCounted&) = delete;
  InterruptsCounted& operator=(const InterruptsCounted&) = delete;

  void restore() const {
    for (std::size_t i = 0; i < std::size(kSignals); ++i)
      sigaction(kSignals[i], &before_[i], nullptr);
  }

 private:
  static constexpr int kSignals[] = {SIGINT, SIGTERM};
  struct sigaction before_[2];
};

// As execvp looks for it; empty: nowhere.
std::string found_in_path(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const char* const list = std::getenv("PATH");
  std::string_view left = list == nullptr ? "/usr/local/bin:/usr/bin:/bin" : list;
  while (true) {
    const std::size_t end = left.find(':');
    const std::string_view folder = left.substr(0, end);
    const std::string path = std::string(folder.empty() ? "." : folder) + "/" + name;
    if (access(path.c_str(), X_OK) == 0 && !std::filesystem::is_directory(path)) return path;
    if (end == std::string_view::npos) return {};
    left.remove_prefix(end + 1);
  }
}

// The folder of the streams, beside the trace: where there is room for one there is for both.
class Parts {
 public:
  explicit Parts(const std::string& output)
      : folder_(std::filesystem::absolute(output).string() + ".parts-XXXXXX") {
    if (mkdtemp(folder_.data()) == nullptr) {
      error_ = errno;
      folder_.clear();
      return;
    }
    const std::string path = folder_ + "/control";
    const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    error_ = fd < 0 ? errno : posix_fallocate(fd, 0, sizeof(Control));
    if (error_ == 0) {
      void* const mapped =
          mmap(nullptr, sizeof(Control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
      if (mapped == MAP_FAILED) error_ = errno;
      else control_ = static_cast<Control*>(mapped);
    }
    if (fd >= 0) close(fd);
    if (control_ != nullptr) control_->next_process = 1;
  }
  ~Parts() {
    if (control_ != nullptr) munmap(control_, sizeof *control_);
    std::error_code ignored;
    if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
  }
  Parts(const Parts&) = delete;
  Parts& operator=(const Parts&) = delete;

  [[nodiscard]] int error() const { return error_; }
  [[nodiscard]] const std::string& folder() const { return folder_; }
  [[nodiscard]] Control& control() { return *control_; }

 private:
  std::string folder_;
  int error_ = 0;
  Control* control_ = nullptr;
};

std::string as_shell_takes_it(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) {
    if (!line.empty()) line += ' ';
    const bool plain = !word.empty() &&
                       word.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                              "0123456789_-+=./,:@%") == std::string::npos;
    if (plain) {
      line += word;
      continue;
    }
    line += '\'';
    for (const char c : word) {
      if (c == '\'') line += "'\\'";
      line += c;
    }
    line += '\'';
  }
  return line;
}

std::string plugin_option(const RecordOptions& options, const std::string& folder) {
  std::string option(2 * (options.plugin.size() + folder.size()) + 64, '\0');
  append_option(option.data(), option.size(), options.plugin.c_str());
  std::strcat(option.data(), ",folder=");
  append_option(option.data(), option.size(), folder.c_str());
  option.resize(std::strlen(option.data()));
  if (options.window != 0) option += ",window=" + std::to_string(options.window);
  return option;
}

[[noreturn]] void become(const RecordOptions& options, const Program& program,
                         const std::string& folder) {
  std::vector<char*> arguments;
  for (std::size_t i = 1; i < options.program.size(); ++i)
    arguments.push_back(const_cast<char*>(options.program[i].c_str()));
  arguments.push_back(nullptr);
  const std::string qemu = found_in_path(kQemu);
  const std::string plugin = plugin_option(options, folder) + ",process=0";
  const QemuCommand command{.qemu = qemu.c_str(),
                            .plugin = plugin.c_str(),
                            .name = options.program.front().c_str(),
                            .arguments = arguments.data()};
  char** const line = qemu_arguments(command, program, environ);
  if (line != nullptr) execve(qemu.c_str(), line, environ);
  _exit(kNoProgram);
}

// The status of `child`, when it and all that it left have ended, or when that is interrupted.
int wait_for_all(pid_t child) {
  int status = 0;
  bool ended = false;
  while (true) {
    int one = 0;
    const pid_t pid = waitpid(-1, &one, 0);
    if (pid == child) {
      status = one;
      ended = true;
    }
    if (pid < 0 && (errno != EINTR || (ended && interrupts != 0))) break;
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

std::expected<Recorded, RecordError> run(const RecordOptions& options, const Program& program,
                                         trace::TraceWriter& writer) {
  Parts parts(options.output);
  if (parts.error() != 0)
    return std::unexpected(RecordError{"cannot make a folder beside " + options.output + ": " +
                                       std::strerror(parts.error())});
  const InterruptsCounted counted;
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  const pid_t child = fork();
  if (child < 0) return std::unexpected(RecordError{std::string("fork: ") + std::strerror(errno)});
  if (child == 0) {
    counted.restore();
    become(options, program, parts.folder());
  }
  Recorded recorded;
  recorded.status = wait_for_all(child);
  recorded.interrupted = interrupts != 0;
  if (const auto error = parts.control().failed.load(); error != 0)
    return std::unexpected(RecordError{"cannot write to " + parts.folder() + ": " +
                                       std::strerror(static_cast<int>(error)) +
                                       "; the program was ended"});
  if (parts.control().next_stream == 0)
    return std::unexpected(RecordError{"qemu-x86_64 ended before the program began"});
  const auto merged = merge_streams(parts.folder(), parts.control().next_stream, writer);
  if (!merged) return std::unexpected(RecordError{merged.error()});
  auto header = writer.finish();
  if (!header) return std::unexpected(RecordError{"cannot write " + header.error().text()});
  recorded.header = std::move(*header);
  return recorded;
}

}  // namespace

std::expected<Recorded, RecordError> record_program(const RecordOptions& options) {
  const std::string& name = options.program.front();
  const std::string path = found_in_path(name);
  if (path.empty()) return std::unexpected(RecordError{name + ": not found", kNoProgram});
  Program program;
  if (const int error = find_program(path.c_str(), program); error != 0)
    return std::unexpected(RecordError{
        path + ": " + (error == ENOEXEC ? "no x86-64 program" : std::strerror(error)),
        kNoProgram});
  if (found_in_path(kQemu).empty())
    return std::unexpected(
        RecordError{std::string(kQemu) + " is not installed (Debian's package qemu-user)"});
  trace::TraceWriter writer(options.output, {.command = as_shell_takes_it(options.program),
                                             .source = "quire record"});
  if (writer.failed())
    return std::unexpected(RecordError{"cannot write " + writer.finish().error().text()});
  auto recorded = run(options, program, writer);
  std::error_code ignored;
  if (!recorded && std::filesystem::is_regular_file(options.output, ignored))
    unlink(options.output.c_str());
  return recorded;
}

}  // namespace quire::record
