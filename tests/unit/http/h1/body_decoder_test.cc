#include "http/h1/body_decoder.h"

#include <doctest/doctest.h>

#include "http/h1/serializer.h"

namespace {

using namespace caisson::http;
using namespace std::string_view_literals;
using h1::BodyDecoder;
using State = BodyDecoder::State;

struct Decoded {
  State state = State::More;
  std::string data;
  std::string rest;
};

Decoded decode_in_pieces(BodySize size, std::string_view bytes, std::size_t piece_size) {
  BodyDecoder decoder(size);
  Decoded decoded;
  while (!bytes.empty() && decoder.state() == State::More) {
    const std::string piece(bytes.substr(0, piece_size));
    const BodyDecoder::Step step = decoder.next(piece);
    REQUIRE((step.consumed > 0 || step.state != State::More));
    if (!step.data.empty()) {
      REQUIRE(step.data.data() + step.data.size() == piece.data() + step.consumed);
    }
    decoded.data += step.data;
    bytes.remove_prefix(step.consumed);
  }
  decoded.state = decoder.state();
  decoded.rest = bytes;
  return decoded;
}

Decoded decode(BodySize size, std::string_view bytes) {
  const Decoded whole = decode_in_pieces(size, bytes, bytes.size());
  for (const std::size_t piece_size : {1U, 3U}) {
    const Decoded pieces = decode_in_pieces(size, bytes, piece_size);
    CHECK(pieces.state == whole.state);
    CHECK(pieces.data == whole.data);
    CHECK(pieces.rest == whole.rest);
  }
  return whole;
}

Decoded chunked(std::string_view bytes) { return decode(BodySize::streamed(), bytes); }

TEST_CASE("a declared body has as many bytes as declared") {
  const Decoded decoded = decode(BodySize::declared(3), "abcdef");
  CHECK(decoded.state == State::Done);
  CHECK(decoded.data == "abc");
  CHECK(decoded.rest == "def");
  CHECK(decode(BodySize::declared(7), "abcdef").state == State::More);
}

TEST_CASE("no body is done from the start") {
  CHECK(BodyDecoder(BodySize::none()).done());
  CHECK(BodyDecoder(BodySize::declared(0)).done());
  BodyDecoder decoder;
  CHECK(decoder.next("GET").consumed == 0);
}

TEST_CASE("only a body until close may end with the connection") {
  BodyDecoder until_close(BodySize::until_close());
  CHECK(until_close.next("abc").data == "abc");
  CHECK(until_close.end_of_input());
  CHECK(until_close.done());
  BodyDecoder declared(BodySize::declared(4));
  declared.next("abc");
  CHECK(declared.known_rest() == 1);
  CHECK_FALSE(declared.end_of_input());
  BodyDecoder chunks(BodySize::streamed());
  chunks.next("3\r\nabc");
  CHECK_FALSE(chunks.end_of_input());
}

TEST_CASE("chunks are joined, extensions and trailers dropped, the rest is left") {
  const Decoded decoded = chunked(
      "3\r\nabc\r\n5;name=\"v\"\r\ndefgh\r\n000A \t\r\n0123456789\r\n0;x\r\nTrailer: 1\r\nMore: 2\r\n\r\nGET /");
  CHECK(decoded.state == State::Done);
  CHECK(decoded.data == "abcdefgh0123456789");
  CHECK(decoded.rest == "GET /");
  CHECK(chunked("0\r\n\r\n").state == State::Done);
  CHECK(chunked("000\r\n\r\n").state == State::Done);
}

TEST_CASE("a lone LF ends a line, as in nginx, but not in an extension") {
  const Decoded decoded = chunked("3\nabc\n0\nT: 1\n\nrest");
  CHECK(decoded.state == State::Done);
  CHECK(decoded.data == "abc");
  CHECK(decoded.rest == "rest");
  CHECK(chunked("3;x\nabc\r\n0\r\n\r\n").state == State::Broken);
}

TEST_CASE("broken chunks are refused") {
  for (const std::string_view bytes :
       {"\r\n"sv, "x\r\n"sv, "0x3\r\nabc"sv, "-1\r\n"sv, "+1\r\na"sv, " 3\r\nabc"sv, "\t3\r\n"sv, ";\r\n"sv, "3,\r\n"sv,
        "3\rabc"sv, "3\r\r\nabc"sv, "3\r\nabcd\r\n"sv, "3\r\nabc0\r\n\r\n"sv, "3\r\nabc\rX"sv, "3\r\nabc\r\r\n"sv,
        "g\r\n"sv, "3g\r\n"sv, "3;a\rb\r\n"sv, "0\r\nT: 1\rX"sv, "0\r\n\rX"sv, "0\rX"sv, "3.\r\n"sv, "\0"sv,
        "3\0\r\n"sv, "1\r\na\r\n\r\n0\r\n\r\n"sv,
        // sizes: one over what an off_t holds, all bits, 17 digits
        "8000000000000000\r\n"sv, "ffffffffffffffff\r\n"sv, "fffffffffffffffff\r\n"sv, "00000000000000003\r\n"sv,
        "10000000000000000\r\n"sv}) {
    CAPTURE(bytes);
    CHECK(chunked(bytes).state == State::Broken);
  }
}

TEST_CASE("the largest chunk that fits is accepted") {
  BodyDecoder decoder(BodySize::streamed());
  CHECK(decoder.next("7fffffffffffffff\r\n").state == State::More);
  CHECK(decoder.known_rest() == INT64_MAX);
  CHECK(decoder.next("abc").data == "abc");
  CHECK(decoder.known_rest() == INT64_MAX - 3);
  CHECK(chunked("0000000000000003\r\nabc\r\n0\r\n\r\n").state == State::Done);
}

TEST_CASE("extensions and trailers are bounded") {
  CHECK(chunked("3;" + std::string(1000, 'x') + "\r\nabc\r\n0\r\n\r\n").state == State::Done);
  CHECK(chunked("3;" + std::string(1 << 20, 'x')).state == State::Broken);
  CHECK(chunked("0\r\n" + std::string(1000, 'x') + "\r\n\r\n").state == State::Done);
  CHECK(chunked("0\r\n" + std::string(1 << 20, 'x')).state == State::Broken);
  std::string trailers = "0\r\n";
  for (int i = 0; i < 100000; ++i) trailers += "a\r\n";
  CHECK(decode_in_pieces(BodySize::streamed(), trailers, trailers.size()).state == State::Broken);
}

TEST_CASE("many small chunks are fine, many small ones with long extensions are not") {
  std::string small;
  std::string padded;
  for (int i = 0; i < 20000; ++i) {
    small += "1\r\na\r\n";
    padded += "1;" + std::string(100, 'x') + "\r\na\r\n";
  }
  small += "0\r\n\r\n";
  CHECK(decode_in_pieces(BodySize::streamed(), small, small.size()).state == State::Done);
  CHECK(decode_in_pieces(BodySize::streamed(), padded, padded.size()).state == State::Broken);
}

TEST_CASE("what the serialiser writes, the decoder reads") {
  for (const std::uint64_t size : {1U, 9U, 15U, 16U, 4095U, 65536U}) {
    std::string wire(h1::ChunkHead(size).view());
    wire.append(size, 'x').append(h1::chunk_end).append(h1::last_chunk);
    const Decoded decoded = decode_in_pieces(BodySize::streamed(), wire, wire.size());
    CHECK(decoded.state == State::Done);
    CHECK(decoded.data.size() == size);
  }
  CHECK(h1::ChunkHead(UINT64_MAX).view() == "ffffffffffffffff\r\n");
}

}  // namespace
