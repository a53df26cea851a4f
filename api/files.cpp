// The machine's /proc and /sys files.
#include <algorithm>
#include <charconv>
#include <cstring>

#include "api/call.hpp"

using quire::Errno;
using quire::api::Call;
using quire::api::fail;

namespace {

class StringSink final : public quire::TextSink {
 public:
  void write(std::string_view piece) override { text.append(piece); }
  std::string text;
};

std::string_view relative(const char* path) {
  std::string_view text = path;
  while (text.starts_with('/')) text.remove_prefix(1);
  return text;
}

quire::Result<std::string> text_of(quire_machine& machine, std::string_view path) {
  StringSink sink;
  const Call call(machine);
  const std::shared_lock processes(machine.processes_lock);
  QUIRE_TRY(machine.machine->proc().read(path, sink));
  return std::move(sink.text);
}

}  // namespace

extern "C" {

int64_t quire_read(quire_machine* machine, const char* path, char* buffer, size_t size) {
  if (machine == nullptr || path == nullptr || (buffer == nullptr && size != 0))
    return fail(Errno::kInvalid, "no machine, path or buffer");
  const auto text = text_of(*machine, relative(path));
  if (!text.has_value()) return fail(text.error(), path);
  if (size != 0) {
    const std::size_t length = std::min(text->size(), size - 1);
    std::memcpy(buffer, text->data(), length);
    buffer[length] = '\0';
  }
  return static_cast<int64_t>(text->size());
}

int64_t quire_write(quire_machine* machine, const char* path, const char* text) {
  if (machine == nullptr || path == nullptr || text == nullptr)
    return fail(Errno::kInvalid, "no machine, path or text");
  const Call call(*machine);
  const std::shared_lock processes(machine->processes_lock);
  const auto taken = machine->machine->proc().write(relative(path), text);
  if (!taken.has_value()) return fail(taken.error(), path);
  return static_cast<int64_t>(*taken);
}

int64_t quire_read_words(quire_machine* machine, const char* path, const quire_words* into) {
  if (machine == nullptr || path == nullptr || into == nullptr ||
      (into->words == nullptr && into->count != 0))
    return fail(Errno::kInvalid, "no machine, path or words");
  const Call call(*machine);
  const std::shared_lock processes(machine->processes_lock);
  const auto count = machine->machine->proc().read_words(relative(path), into->first,
                                                         {into->words, into->count});
  if (!count.has_value()) return fail(count.error(), path);
  return static_cast<int64_t>(*count);
}

int64_t quire_counter(quire_machine* machine, const char* name) {
  if (machine == nullptr || name == nullptr || *name == '\0')
    return fail(Errno::kInvalid, "no machine, or no name");
  const auto rows = text_of(*machine, "proc/vmstat");
  if (!rows.has_value()) return fail(rows.error(), name);
  const std::string wanted = '\n' + std::string(name) + ' ';
  const std::string text = '\n' + *rows;
  const std::size_t at = text.find(wanted);
  int64_t value = 0;
  const char* const end = text.data() + text.size();
  if (at == std::string::npos ||
      std::from_chars(text.data() + at + wanted.size(), end, value).ec != std::errc{})
    return fail(Errno::kNoEntry, name);
  return value;
}

}  // extern "C"
