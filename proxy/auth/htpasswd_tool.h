// `caisson htpasswd`: makes, checks and removes users in htpasswd files. It takes Apache's htpasswd's arguments, so
// that its tutorials hold, but writes bcrypt only: the one scheme that nginx, registry:2 and caisson all read.
//
// Threading: one thread; `ask` may block on the terminal.
#pragma once

#include <iosfwd>
#include <span>
#include <string>

#include "auth/ask_password.h"

namespace caisson::auth {

// `args` without the program's name; main() passes ask_on_standard_input. Returns the exit status, Apache's: 0 done,
// 1 the file, 2 the arguments, 3 the password, 6 the user.
int htpasswd_main(std::span<const std::string> args, const AskPassword& ask, std::ostream& out, std::ostream& err);

}  // namespace caisson::auth
