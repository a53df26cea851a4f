// Which rows of a capture never differ between two boots of one machine, and why the others do.
//
// docs/FIDELITY.md has the same list in words; a test holds the two together.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "tools/oracle/layout.hpp"
#include "tools/oracle/rows.hpp"

namespace quire::oracle {

enum class Rule : std::uint8_t {
  kEqual,       // the same text
  kValueEqual,  // the same value, laid out alike
  kSumEqual,    // the numbers add up to the same, each by itself follows use
  kLayoutOnly,  // numbers that follow use: the row must be there and laid out alike
  kIgnored,     // the row need not even be there
};

struct Exception {
  FileKind file;
  std::string_view label;  // of the rows; a '*' at its end stands for anything
  Rule rule;
  std::string_view reason;
};

// Every row that is not compared for equality; the first that fits counts.
std::span<const Exception> exceptions();

// What holds for `row`, which is Linux's where both have it. Null: it must be equal.
const Exception* exception_for(FileKind file, const Row& row);

// How wide the columns of a row's numbers are.
ColumnWidth width_of(FileKind file, const Row& row);

// Files of a capture that are not compared at all.
struct IgnoredFile {
  std::string_view name;
  std::string_view reason;
};
std::span<const IgnoredFile> ignored_files();

}  // namespace quire::oracle
