// Content digests: "sha256:" and 64 lower-case hexadecimal digits, or "sha512:" and 128. A Digest is made once by
// parse() (text from outside) or by a Hasher (bytes), so a path that is built from one cannot leave the store.
//
// Ownership: values; a Hasher owns its running state. Threading: a Hasher is used by one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

struct evp_md_ctx_st;

namespace caisson::registry::store {

enum class Algorithm : std::uint8_t { Sha256, Sha512 };

std::string_view to_string(Algorithm algorithm) noexcept;
// Exactly "sha256" or "sha512".
std::optional<Algorithm> parse_algorithm(std::string_view text) noexcept;

class Digest {
 public:
  static Result<Digest> parse(std::string_view text);

  Algorithm algorithm() const noexcept { return algorithm_; }
  // "sha256:..." as a whole, and the part behind the colon.
  const std::string& str() const noexcept { return text_; }
  std::string_view hex() const noexcept { return std::string_view(text_).substr(text_.find(':') + 1); }

  // The digest of no bytes at all: the one blob that may be empty.
  bool is_of_nothing() const;

  bool operator==(const Digest& other) const noexcept { return text_ == other.text_; }

 private:
  friend class Hasher;
  Digest(Algorithm algorithm, std::string text) : algorithm_(algorithm), text_(std::move(text)) {}

  Algorithm algorithm_;
  std::string text_;
};

// A digest in the making. Throws std::runtime_error when OpenSSL refuses, which means that the process is out of memory
// or the algorithm is not available on this machine.
class Hasher {
 public:
  explicit Hasher(Algorithm algorithm);

  Algorithm algorithm() const noexcept { return algorithm_; }
  void update(std::span<const std::byte> bytes);
  // The digest of all bytes so far; more may follow.
  Digest digest() const;
  // Another one in the same state.
  Hasher copy() const;

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const noexcept;
  };
  Hasher(Algorithm algorithm, evp_md_ctx_st* context) noexcept : algorithm_(algorithm), context_(context) {}

  Algorithm algorithm_;
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

Digest digest_of(Algorithm algorithm, std::span<const std::byte> bytes);

}  // namespace caisson::registry::store
