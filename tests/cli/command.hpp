// Runs the built tool as a user does.
#pragma once

#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/scratch.hpp"

namespace quire::tools {

struct Outcome {
  int status = -1;
  std::string out;
  std::string err;
};

// The tool of the build that this test program is of.
inline std::string tool() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "quire";
}

// `arguments` as a shell takes them.
inline Outcome quire(const std::string& arguments) {
  const Scratch scratch;
  const std::string out = scratch.path() / "out";
  const std::string err = scratch.path() / "err";
  const std::string command = tool() + " " + arguments + " >" + out + " 2>" + err;
  const int status = std::system(command.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, text_of(out), text_of(err)};
}

inline std::string example(const std::string& name) {
  return QUIRE_SOURCE_DIR "/examples/machines/" + name + ".toml";
}
inline std::string recording(const std::string& name) {
  return QUIRE_TESTS_DIR "/oracle/" + name;
}

}  // namespace quire::tools
