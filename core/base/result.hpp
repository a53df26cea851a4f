// Errors that a caller can act on are values: a Result holds what was asked for, or the errno that
// Linux gives for the same failure.
#pragma once

#include <cstdint>
#include <expected>

namespace quire {

// The numbers are Linux's (errno(3)), so that a C face can hand them on with a minus sign.
enum class Errno : std::uint8_t {
  kPermission = 1,
  kNoEntry = 2,
  kIo = 5,
  kNoSuchAddress = 6,
  kBadFile = 9,
  kAgain = 11,
  kNoMemory = 12,
  kAccess = 13,
  kFault = 14,
  kBusy = 16,
  kExists = 17,
  kNoDevice = 19,
  kInvalid = 22,
  kTooManyFiles = 24,
  kTextBusy = 26,
  kFileTooBig = 27,
  kNoSpace = 28,
  kRange = 34,
  kOverflow = 75,
  kNotSupported = 95,
};

// The name that errno(3) gives it, such as "EINVAL".
const char* name_of(Errno error);

template <class T>
class [[nodiscard]] Result : public std::expected<T, Errno> {
 public:
  using std::expected<T, Errno>::expected;
  constexpr Result(Errno error) : std::expected<T, Errno>(std::unexpect, error) {}
};

}  // namespace quire

// Evaluates to nothing and goes on, or returns the error of `expression` to the caller.
#define QUIRE_TRY(expression)                                       \
  do {                                                              \
    if (auto quire_result = (expression); !quire_result.has_value()) \
      return quire_result.error();                                  \
  } while (false)

// Declares `variable` with the value of `expression`, or returns its error to the caller.
#define QUIRE_TRY_ASSIGN(variable, expression)              \
  auto variable##_result = (expression);                    \
  if (!variable##_result.has_value()) return variable##_result.error(); \
  auto variable = *variable##_result
