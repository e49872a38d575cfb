// A htpasswd file's text, read as nginx reads it (ngx_http_auth_basic_module.c): `user:hash`, and after one more colon
// whatever else; lines that begin with "#" and empty ones do not count; the first line of a user is the one that holds.
//
// Unlike nginx it says at once, with file and line, which users cannot log in and why, and how to mend it.
//
// Ownership: an immutable value, shared as std::shared_ptr<const Htpasswd> by all that check passwords against it.
// Threading: any.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "auth/hash_scheme.h"
#include "config/directive.h"

namespace caisson::auth {

class Htpasswd {
 public:
  // Something about a line that its owner should know. No password or hash is in any.
  struct Warning {
    config::SourcePos at;
    std::string message;
    std::string hint;  // how to mend it; may be empty
    // "MESSAGE in FILE:LINE (HINT)"
    std::string text() const { return config::error_at(at, message, hint).what; }
  };

  // `file` is the name that warnings give.
  static Htpasswd parse(std::string_view text, std::string_view file);

  // The user's hash; null for a user that is not there or cannot log in.
  const StoredHash* find(std::string_view user) const;
  // Whether there is a line for the user, also one that lets nobody in.
  bool mentions(std::string_view user) const { return entries_.find(user) != entries_.end(); }
  // A hash of the kind that most users have. Checking it takes the place of checking the hash of a user that find()
  // does not know, so that the time of the answer does not tell. Null when nobody can log in.
  const StoredHash* decoy() const noexcept { return decoy_; }

  const std::string& file() const noexcept { return file_; }
  // Users that can log in.
  std::size_t users() const noexcept { return usable_; }
  // In the order of the lines.
  const std::vector<Warning>& warnings() const noexcept { return warnings_; }

  Htpasswd(Htpasswd&&) = default;
  Htpasswd& operator=(Htpasswd&&) = default;
  Htpasswd(const Htpasswd&) = delete;
  Htpasswd& operator=(const Htpasswd&) = delete;
  ~Htpasswd() = default;

 private:
  struct Entry {
    std::optional<StoredHash> hash;
    unsigned line = 0;
  };
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };

  explicit Htpasswd(std::string_view file) : file_(file) {}
  void read_line(std::string_view line, unsigned number);
  void warn(unsigned line, std::string_view what, std::string_view hint = {});
  void choose_decoy();

  std::string file_;
  // Nodes never move, so decoy_ holds also after a move of the whole.
  std::unordered_map<std::string, Entry, Hash, std::equal_to<>> entries_;
  const StoredHash* decoy_ = nullptr;
  std::size_t usable_ = 0;
  std::size_t left_out_ = 0;
  std::vector<Warning> warnings_;
};

}  // namespace caisson::auth
