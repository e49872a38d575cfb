// Expected refusals as values: a wrong digest, an unknown tag, a bad directive. Broken connections, deadlines and
// cancellation are exceptions instead (async/cancel.h).
//
// Ownership: values. Threading: none of its own.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace caisson {

enum class ErrorCode : std::uint8_t {
  BadConfig,       // a configuration file or an argument; mended by its author
  BadRequest,      // what a client sent does not follow its grammar
  Denied,          // credentials or rights
  NotFound,        //
  Conflict,        // the state on disk is not what the request assumed (an upload's offset)
  TooLarge,        // over a stated limit
  DigestMismatch,  // content is not what its name says
  Busy,            // a bounded queue is full; try again later
  NoSpace,         // the disk, its quota or its inodes are used up
  ReadOnly,        // the store must not or cannot be written
  Io,              // anything else that the operating system refused
};

struct Error {
  ErrorCode code = ErrorCode::Io;
  std::string what;  // for the log; never sent to a client, it may name paths

  // The same error, with what was being done put before it.
  Error in(std::string_view doing) && {
    what.insert(0, std::string(doing) + ": ");
    return std::move(*this);
  }
};

// A T, or the reason there is none. REQUIRES: value() only when ok(), error() only when not.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : held_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : held_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const noexcept { return held_.index() == 0; }
  explicit operator bool() const noexcept { return ok(); }
  T& value() & { return std::get<0>(held_); }
  const T& value() const& { return std::get<0>(held_); }
  T&& value() && { return std::get<0>(std::move(held_)); }
  Error& error() & { return std::get<1>(held_); }
  const Error& error() const& { return std::get<1>(held_); }
  Error&& error() && { return std::get<1>(std::move(held_)); }

 private:
  std::variant<T, Error> held_;
};

// Done, or the reason it was not.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : failed_(true), error_(std::move(error)) {}

  bool ok() const noexcept { return !failed_; }
  explicit operator bool() const noexcept { return ok(); }
  Error& error() & { return error_; }
  const Error& error() const& { return error_; }
  Error&& error() && { return std::move(error_); }

 private:
  bool failed_ = false;
  Error error_;
};

// What errno says of a system call, as an error: ENOSPC, EDQUOT -> NoSpace, EROFS, EACCES, EPERM -> ReadOnly,
// ENOENT, ENOTDIR -> NotFound, the rest Io. `doing` names the call and its object, for the log.
Error system_error(int error_number, std::string_view doing);

}  // namespace caisson
