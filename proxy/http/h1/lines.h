// What request and response heads have in common: lines that arrive in pieces, and header fields in them.
//
// Ownership: a LineReader owns what it keeps of an unfinished line. Threading: none of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace caisson::http::h1 {

// How far a parser got with the bytes it was given.
enum class State : std::uint8_t {
  NeedMore,  // all bytes were taken, the head goes on
  Complete,  // the head is whole; what was not consumed follows it (a body, the next message)
  Refused,   // what came is not a message; nothing more must be fed
};

struct Progress {
  std::size_t consumed = 0;
  State state = State::NeedMore;
};

// Why a head was refused. `log` is in nginx's words and holds no header values: they may be secrets.
struct Refusal {
  unsigned status = 0;
  std::string log;
};

// Cuts a stream into lines that end with LF. Every byte is looked at once, however the stream was cut into pieces.
class LineReader {
 public:
  enum class Outcome : std::uint8_t { Line, NeedMore, TooLong };

  // Takes bytes off the front of `input` up to the next LF, or all when there is none. TooLong: the line, with its LF,
  // has more than `limit` bytes.
  Outcome take(std::string_view& input, std::size_t limit);
  // After Outcome::Line: the line without LF and without one CR before it. Until the next take(), while the input
  // lives.
  std::string_view line() const noexcept { return line_; }
  // After Outcome::Line: its length on the wire.
  std::size_t wire_length() const noexcept { return wire_length_; }
  // After NeedMore and TooLong: what came of the unfinished line, at most `limit` bytes.
  std::string_view pending() const noexcept { return whole_ ? std::string_view() : std::string_view(kept_); }
  void reset() noexcept;

 private:
  std::string kept_;
  bool whole_ = true;  // kept_ is not the beginning of the next line
  std::string_view line_;
  std::size_t wire_length_ = 0;
};

// One header line. Views into the line.
struct FieldLine {
  std::string_view name;
  std::string_view value;  // without spaces around it; never with CR or NUL
  bool odd_name = false;   // a character that ignore_invalid_headers drops the field for
};

// Reads a line that is not empty, as nginx does: a field without a colon has an empty value; a folded line, an empty
// name, a space or control character in the name, CR or NUL in the value are refused (nothing).
std::optional<FieldLine> parse_field_line(std::string_view line, bool underscores_allowed) noexcept;

// What may be written into a head: no field can end its line, or look like two.
bool is_fit_name(std::string_view name) noexcept;
bool is_fit_value(std::string_view value) noexcept;

// A refused line for the log: its name up to the byte that is wrong, and no part of its value.
std::string loggable_field_line(std::string_view line);

// `text` with everything but visible ASCII as \xHH, cut after `limit` bytes.
std::string loggable(std::string_view text, std::size_t limit = 256);

// A Content-Length: digits only, at most 2^63 - 1, as nginx's off_t.
std::optional<std::uint64_t> parse_content_length(std::string_view value) noexcept;

}  // namespace caisson::http::h1
