// EXPECT_TRUE(audited(machine)): its books balance, or the failure says what does not.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "machine/machine.hpp"

namespace quire {

class StringSink final : public TextSink {
 public:
  void write(std::string_view piece) override { text += piece; }
  std::string text;
};

inline testing::AssertionResult audited(Machine& machine) {
  StringSink report;
  if (machine.audit(report).has_value()) return testing::AssertionSuccess();
  return testing::AssertionFailure() << report.text;
}

}  // namespace quire
