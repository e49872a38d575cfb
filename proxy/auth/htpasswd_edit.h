// Makes lines of htpasswd files and puts them into a file's text.
//
// Threading: any; make_bcrypt() computes for as long as the cost asks.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace caisson::auth {

inline constexpr unsigned default_bcrypt_cost = 10;  // some 50 ms: paid once in ten minutes a user, not each request

// "$2y$10$...", the hash of a htpasswd line. BadRequest: a password that is empty, has a NUL or a line end, or is
// longer than bcrypt looks (72 bytes). REQUIRES: 4 <= cost <= max_bcrypt_cost.
Result<std::string> make_bcrypt(std::string_view password, unsigned cost);

// Why `user` cannot stand before the colon of a line; empty when it can.
std::string_view fault_of_user(std::string_view user);

// The text with the user's line replaced, or with a new one behind the others. Everything else stays byte for byte.
std::string with_user(std::string_view text, std::string_view user, std::string_view hash);
// The text without the user's lines.
std::string without_user(std::string_view text, std::string_view user);

}  // namespace caisson::auth
