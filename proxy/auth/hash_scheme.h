// What stands behind the colon of a htpasswd line: which scheme it is, what a check will cost, and the check itself.
//
// Everything is decided when the text is read: a hash that could never match, that is damaged, or that would take
// seconds or hundreds of megabytes to check is refused with the reason, so that nobody finds out by a login that fails
// or a server that stalls.
//
// Ownership: values. Threading: any; matches() computes for milliseconds to seconds, so it belongs on a pool.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace caisson::auth {

// The most that one check may cost; beyond it the hash is refused when it is read. Each is two to three seconds of one
// core of 2023.
inline constexpr unsigned max_bcrypt_cost = 16;
inline constexpr std::uint64_t max_sha_crypt_rounds = 5'000'000;
inline constexpr std::uint64_t max_hash_memory = std::uint64_t{256} << 20;     // bytes
inline constexpr std::uint64_t max_argon2_traffic = std::uint64_t{4} << 30;    // bytes: memory times passes
inline constexpr std::uint64_t max_scrypt_traffic = std::uint64_t{512} << 20;  // bytes: memory times parallelism

struct HashScheme;  // one row of the table in hash_scheme.cc

// What a scheme says of a text that it took for its own.
struct HashCost {
  std::string parameters;    // what makes two hashes of a scheme cost the same, such as "10" for bcrypt
  std::uint64_t memory = 0;  // bytes that a check holds while it runs, when that is more than a few pages
};

class StoredHash {
 public:
  // Reads the text between the colon and the end of the line (or the next colon). The error's text is the reason, to be
  // put behind `user "x" cannot log in: `; it never holds any of `text`.
  static Result<StoredHash> parse(std::string_view text);

  // The scheme's usual name: "bcrypt", "apr1", "argon2id", ...
  std::string_view scheme() const noexcept;
  // What to tell the file's owner although logins work, as `user "x": ...`; empty when all is well.
  std::string_view caution() const noexcept;
  // The password stands in the file as it is, without the {PLAIN} that nginx wants before it (`htpasswd -p`).
  bool is_bare_password() const noexcept;
  // Checks of hashes of one class take the same time for the same password.
  const std::string& cost_class() const noexcept { return cost_class_; }
  std::uint64_t memory() const noexcept { return memory_; }
  // As in the file. As good as a password where the scheme is a plain one: never log it.
  std::string_view text() const noexcept { return text_; }

  // Whether this is the hash of `password`. A password with a NUL matches nothing: the C libraries would read a
  // shorter one.
  bool matches(std::string_view password) const;

 private:
  StoredHash(const HashScheme& scheme, std::string_view text, const HashCost& cost);

  const HashScheme* scheme_;
  std::string text_;
  std::string cost_class_;
  std::uint64_t memory_;
};

}  // namespace caisson::auth
