// Asks a person, or a script, for a password.
#pragma once

#include <cstdint>
#include <functional>

#include "auth/secret.h"
#include "base/result.h"

namespace caisson::auth {

enum class Asking : std::uint8_t {
  Once,
  Twice,  // a new password: typed again, and refused when the two differ
};
using AskPassword = std::function<Result<Secret>(Asking)>;

// On the terminal, without echo. When standard input is none: its next line, once.
Result<Secret> ask_on_standard_input(Asking asking);

}  // namespace caisson::auth
