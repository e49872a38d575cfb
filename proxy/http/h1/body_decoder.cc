#include "http/h1/body_decoder.h"

#include <algorithm>
#include <limits>

#include "base/text.h"

namespace caisson::http::h1 {
namespace {

constexpr unsigned max_size_digits = 16;
constexpr std::uint64_t max_chunk = std::numeric_limits<std::int64_t>::max();

// So many bytes of framing a sender may spend beyond what is usual: a chunk may cost fair_share bytes and as many again
// as it carries data. The measure against endless extensions, trailers, and megabytes sent one byte a chunk.
constexpr std::uint64_t max_overhead = 16 * 1024;
constexpr std::uint64_t fair_share = 16;

}  // namespace

BodyDecoder::BodyDecoder(BodySize size) noexcept : kind_(size.kind) {
  if (kind_ == BodySize::Kind::Declared) rest_ = size.bytes;
  if (kind_ == BodySize::Kind::None || (kind_ == BodySize::Kind::Declared && rest_ == 0)) state_ = State::Done;
}

BodyDecoder::Step BodyDecoder::next(std::string_view input) noexcept {
  if (state_ != State::More) return {0, {}, state_};
  switch (kind_) {
    case BodySize::Kind::Streamed:
      return next_chunked(input);
    case BodySize::Kind::UntilClose:
      return {input.size(), input, state_};
    case BodySize::Kind::Declared:
    case BodySize::Kind::None:
      break;
  }
  const std::string_view data = input.substr(0, rest_);
  rest_ -= data.size();
  if (rest_ == 0) state_ = State::Done;
  return {data.size(), data, state_};
}

BodyDecoder::Step BodyDecoder::next_chunked(std::string_view input) noexcept {
  std::size_t at = 0;
  while (at < input.size() && state_ == State::More) {
    if (chunk_ == Chunk::Data) {
      const std::string_view data = input.substr(at, rest_);
      rest_ -= data.size();
      if (rest_ == 0) chunk_ = Chunk::AfterData;
      return {at + data.size(), data, state_};
    }
    if (++overhead_ > max_overhead || !framing_byte(input[at])) {
      state_ = State::Broken;
      break;
    }
    ++at;
  }
  return {at, {}, state_};
}

// RFC 9112 section 7.1, read as nginx 1.22 does: a lone LF ends a line, extensions and trailers are skipped; trailers
// never become fields. Stricter in one place: whoever stands before us may take an LF in an extension for a part of it,
// so there it ends no line. False when the byte cannot stand here.
bool BodyDecoder::framing_byte(char c) noexcept {
  const int digit = text::hex_value(c);
  switch (chunk_) {
    case Chunk::Size:
      rest_ = 0;
      digits_ = 0;
      return size_digit(digit);
    case Chunk::MoreSize:
      if (digit >= 0) return size_digit(digit);
      if (c == ';' || c == ' ' || c == '\t') {
        chunk_ = Chunk::Extension;
        return true;
      }
      if (c == '\r') {
        chunk_ = Chunk::LineEnd;
        return true;
      }
      if (c != '\n') return false;
      size_line_ended();
      return true;
    case Chunk::Extension:
      if (c == '\r') chunk_ = Chunk::LineEnd;
      return c != '\n';
    case Chunk::LineEnd:
      if (c != '\n') return false;
      size_line_ended();
      return true;
    case Chunk::AfterData:
      chunk_ = c == '\r' ? Chunk::AfterDataEnd : Chunk::Size;
      return c == '\r' || c == '\n';
    case Chunk::AfterDataEnd:
      chunk_ = Chunk::Size;
      return c == '\n';
    case Chunk::Trailer:
      if (c == '\n') {
        state_ = State::Done;
      } else {
        chunk_ = c == '\r' ? Chunk::LastLineEnd : Chunk::TrailerField;
      }
      return true;
    case Chunk::TrailerField:
      if (c == '\n') {
        chunk_ = Chunk::Trailer;
      } else if (c == '\r') {
        chunk_ = Chunk::TrailerLineEnd;
      }
      return true;
    case Chunk::TrailerLineEnd:
      chunk_ = Chunk::Trailer;
      return c == '\n';
    case Chunk::LastLineEnd:
      if (c == '\n') state_ = State::Done;
      return c == '\n';
    case Chunk::Data:
      break;
  }
  return false;
}

bool BodyDecoder::size_digit(int digit) noexcept {
  if (digit < 0 || ++digits_ > max_size_digits || rest_ > (max_chunk >> 4)) return false;
  rest_ = rest_ << 4 | static_cast<unsigned>(digit);
  chunk_ = Chunk::MoreSize;
  return true;
}

void BodyDecoder::size_line_ended() noexcept {
  if (rest_ == 0) {
    chunk_ = Chunk::Trailer;
    return;
  }
  chunk_ = Chunk::Data;
  const std::uint64_t earned = fair_share + std::min(rest_, max_overhead);
  overhead_ -= std::min(overhead_, earned);
}

std::uint64_t BodyDecoder::known_rest() const noexcept {
  return kind_ == BodySize::Kind::Declared || chunk_ == Chunk::Data ? rest_ : 0;
}

bool BodyDecoder::end_of_input() noexcept {
  if (kind_ == BodySize::Kind::UntilClose && state_ == State::More) state_ = State::Done;
  return state_ == State::Done;
}

}  // namespace caisson::http::h1
