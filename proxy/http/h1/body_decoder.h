// A body's bytes out of the bytes that follow a head on the wire: so many as declared, chunks, or all until the end.
// Nothing is copied: data are spans of the input.
//
// Ownership: none. Threading: none of its own. Errors: State Broken (broken chunks); the connection must be closed
// then.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "http/message.h"

namespace caisson::http::h1 {

class BodyDecoder {
 public:
  enum class State : std::uint8_t { More, Done, Broken };

  struct Step {
    std::size_t consumed = 0;  // bytes off the front of the input: framing, and `data`, which stands at their end
    std::string_view data;     // body bytes; may be empty when only framing has come
    State state = State::More;
  };

  // A body of no bytes is done from the start.
  explicit BodyDecoder(BodySize size = BodySize::none()) noexcept;

  // Takes framing and at most one run of data off the front of `input`. Call it until the input is used up or the state
  // is not More; what is left after Done belongs to the next message.
  Step next(std::string_view input) noexcept;

  // The connection has ended. True when the body may end here.
  bool end_of_input() noexcept;

  State state() const noexcept { return state_; }
  bool done() const noexcept { return state_ == State::Done; }

  // How many more bytes of data follow for certain: the rest of a declared body or of the current chunk.
  std::uint64_t known_rest() const noexcept;

 private:
  enum class Chunk : std::uint8_t {
    Size,            // before the first digit
    MoreSize,        // after a digit
    Extension,       // after the size, up to the line's end
    LineEnd,         // after the CR of that line
    Data,            //
    AfterData,       // before CR LF
    AfterDataEnd,    // before LF
    Trailer,         // at the beginning of a trailer line
    TrailerField,    // inside one
    TrailerLineEnd,  // after the CR of one
    LastLineEnd,     // after the CR of the empty line that ends it all
  };

  Step next_chunked(std::string_view input) noexcept;
  bool framing_byte(char c) noexcept;
  bool size_digit(int digit) noexcept;
  void size_line_ended() noexcept;

  BodySize::Kind kind_;
  State state_ = State::More;
  Chunk chunk_ = Chunk::Size;
  unsigned digits_ = 0;
  std::uint64_t rest_ = 0;
  // Framing bytes that the data so far do not justify; bounds extensions, trailers and floods of tiny chunks with them.
  std::uint64_t overhead_ = 0;
};

}  // namespace caisson::http::h1
