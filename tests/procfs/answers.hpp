// What a running kernel answered to writes, as lines "path, text written, answer, text read".
#pragma once

#include "tests/procfs/recorded_machine.hpp"

namespace quire::test {

struct Answer {
  std::string path;  // as ProcTree has it
  std::string written;
  bool write = true;   // false: only read
  std::string answer;  // "ok", "ok(2 of 3)", "EINVAL"
  std::string read;    // or "read:EACCES"
};

// The text between the quotes of `quoted`, with \n, \t and \xNN as they were.
inline std::string unquoted(const std::string& quoted) {
  std::string text;
  for (std::size_t i = 1; i + 1 < quoted.size(); ++i) {
    if (quoted[i] != '\\') {
      text += quoted[i];
    } else if (quoted[++i] == 'x') {
      text += static_cast<char>(std::stoi(quoted.substr(i + 1, 2), nullptr, 16));
      i += 2;
    } else {
      text += quoted[i] == 'n' ? '\n' : '\t';
    }
  }
  return text;
}

inline Answer answer_of(const std::string& line) {
  std::istringstream in(line);
  std::string field[4];
  for (std::string& each : field) std::getline(in, each, '\t');
  Answer answer{field[0], "", field[1] != "-", field[2], field[3]};
  if (answer.write) answer.written = unquoted(field[1]);
  if (answer.read[0] == '"') answer.read = unquoted(answer.read);
  return answer;
}

inline std::string answer_to_write(const ProcTree& tree, const Answer& asked) {
  const auto taken = tree.write(asked.path, asked.written);
  if (!taken.has_value()) {
    const std::string name = name_of(taken.error());
    // Linux refuses some of them when they are opened.
    return asked.answer.starts_with("open:") ? "open:" + name : name;
  }
  if (*taken == asked.written.size()) return "ok";
  return "ok(" + std::to_string(*taken) + " of " + std::to_string(asked.written.size()) + ")";
}

inline std::string answer_to_read(const ProcTree& tree, const std::string& path) {
  StringSink sink;
  const auto read = tree.read(path, sink);
  return read.has_value() ? sink.text : std::string("read:") + name_of(read.error());
}

}  // namespace quire::test
