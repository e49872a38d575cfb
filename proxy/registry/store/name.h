// The words of a registry as types: repository names, tags, upload ids. Only parse() makes one from text, so whatever
// holds one holds something that follows its grammar (registry contract, section 1) and is safe as a part of a path.
//
// Ownership: values. Errors: BadRequest, when the text does not follow the grammar.
#pragma once

#include <chrono>
#include <compare>
#include <string>
#include <string_view>

#include "base/result.h"

namespace caisson::registry::store {

// A repository name: components of [a-z0-9] joined inside by ".", "_", "__" or dashes, separated by slashes, at most
// 255 bytes in all. No component can be "..", be empty or start with "_" (such folders belong to the store).
class RepositoryName {
 public:
  static Result<RepositoryName> parse(std::string_view text);
  const std::string& str() const noexcept { return text_; }
  bool operator==(const RepositoryName&) const = default;

 private:
  explicit RepositoryName(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

// A tag: [a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}.
class Tag {
 public:
  static Result<Tag> parse(std::string_view text);
  const std::string& str() const noexcept { return text_; }
  bool operator==(const Tag&) const = default;

 private:
  explicit Tag(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

// An upload's id: a lower-case UUID as RFC 4122 writes it, 122 bits of it random, so that it cannot be guessed.
class UploadId {
 public:
  static Result<UploadId> parse(std::string_view text);
  static UploadId generate();
  const std::string& str() const noexcept { return text_; }
  bool operator==(const UploadId&) const = default;

 private:
  explicit UploadId(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

// A time at which garbage was taken away, as a name in the trash: "20261121T101500Z-1f00ba5e", which sorts by time. The
// digits at its end tell apart what began in the same second.
class TrashName {
 public:
  static Result<TrashName> parse(std::string_view text);
  static TrashName generate(std::chrono::system_clock::time_point time);
  const std::string& str() const noexcept { return text_; }
  std::chrono::system_clock::time_point time() const noexcept { return time_; }
  bool operator==(const TrashName&) const = default;

 private:
  TrashName(std::string text, std::chrono::system_clock::time_point time) : text_(std::move(text)), time_(time) {}
  std::string text_;
  std::chrono::system_clock::time_point time_;
};

// Compares repository names as the catalog orders them: component by component, so "a/b" stands before "a-b".
// Takes text because a `last=` need not be a valid name.
std::strong_ordering compare_components(std::string_view a, std::string_view b) noexcept;

}  // namespace caisson::registry::store
