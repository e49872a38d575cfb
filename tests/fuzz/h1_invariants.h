// What must hold for the HTTP/1 codec, whatever bytes come. The fuzzer runs it on invented inputs, a unit test on the
// corpus.
//
// An input's first byte chooses what the rest is and how it is read (see Mode); the rest is a stream of requests or
// responses with their bodies. Checked:
//   1. cutting the stream into pieces changes nothing;
//   2. what goes on to the next party is read by a strict reader as exactly one head, with the same meaning and no
//   field
//      that was not there: nothing is smuggled;
//   3. the normal form of a path is its own normal form;
//   4. a body that is written again in chunks is the same body;
//   5. no message has two framings, and no size is out of range.
#pragma once

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include "base/text.h"
#include "http/h1/body_decoder.h"
#include "http/h1/request_parser.h"
#include "http/h1/response_parser.h"
#include "http/h1/serializer.h"

namespace caisson::fuzz {

inline void require(bool holds, const char* what) {
  if (!holds) throw std::logic_error(what);
}

struct Mode {
  explicit Mode(unsigned char byte)
      : responses((byte & 1) != 0),
        to_head((byte & 2) != 0),
        ignore_invalid_headers((byte & 4) == 0),
        underscores((byte & 8) != 0),
        merge_slashes((byte & 16) == 0),
        small_buffers((byte & 32) != 0),
        piece(1 + (byte >> 6)) {}

  bool responses, to_head, ignore_invalid_headers, underscores, merge_slashes, small_buffers;
  std::size_t piece;

  http::h1::RequestOptions request_options() const {
    http::h1::RequestOptions options;
    options.ignore_invalid_headers = ignore_invalid_headers;
    options.underscores_in_headers = underscores;
    options.merge_slashes = merge_slashes;
    if (small_buffers) {
      options.client_header_buffer_size = 32;
      options.large_client_header_buffer_size = 48;
      options.max_headers = 5;
    }
    return options;
  }
};

// 4.
inline void check_rechunked(std::string_view body) {
  std::string wire;
  for (std::size_t at = 0; at < body.size(); at += 7) {
    const std::string_view slice = body.substr(at, 7);
    wire.append(http::h1::ChunkHead(slice.size()).view()).append(slice).append(http::h1::chunk_end);
  }
  wire.append(http::h1::last_chunk);
  http::h1::BodyDecoder decoder(http::BodySize::streamed());
  std::string again;
  std::string_view rest = wire;
  while (!rest.empty() && !decoder.done()) {
    const auto step = decoder.next(rest);
    require(step.state != http::h1::BodyDecoder::State::Broken, "our own chunks are broken");
    again.append(step.data);
    rest.remove_prefix(step.consumed);
  }
  require(decoder.done() && rest.empty() && again == body, "a body changed when it was chunked again");
}

// 2 and 3.
inline void check_forwarded(const http::RequestHead& head, const Mode& mode) {
  http::Headers fields = http::h1::forwardable(head.headers);
  if (!fields.has("Host")) fields.add("Host", "backend");
  std::string target = http::escaped_path(head.target.path);
  if (head.target.has_args) target += '?' + head.target.args;
  std::string wire;
  const http::h1::BackendRequest request{head.method, target, http::Version::Http11, fields, head.body};
  require(http::h1::append_request_head(wire, request).ok(), "a parsed request cannot be written");

  http::h1::RequestOptions strict;
  strict.client_header_buffer_size = wire.size();
  strict.ignore_invalid_headers = false;
  strict.underscores_in_headers = true;
  strict.merge_slashes = mode.merge_slashes;
  http::h1::RequestParser reader(strict);
  const http::h1::Progress progress = reader.feed(wire);
  require(progress.state == http::h1::State::Complete && progress.consumed == wire.size(), "not exactly one head");
  const http::RequestHead again = reader.take_head();
  require(again.method == head.method && again.body == head.body, "method or framing changed");
  require(again.target.path == head.target.path && again.target.args == head.target.args, "the target changed");
  const bool framed = head.body.kind != http::BodySize::Kind::None;
  require(again.headers.size() == fields.size() + (framed ? 1 : 0), "fields came or went");
  for (const http::HeaderField& field : fields) {
    require(again.headers.joined(field.name) == fields.joined(field.name), "a field changed");
  }
}

// 2, towards a client.
inline void check_forwarded(const http::h1::ParsedResponse& response, const Mode& mode) {
  if (response.head.status == 101) return;  // no further heads on such a connection
  http::h1::ResponseContext context;
  context.to_head = mode.to_head;
  std::string wire;
  const http::h1::ResponseFraming framing = http::h1::append_response_head(wire, response.head, context);
  require(framing.fields_left_out == 0, "a parsed field cannot be written");

  http::h1::ResponseParser reader(wire.size());
  reader.begin(mode.to_head);
  const http::h1::Progress progress = reader.feed(wire);
  require(progress.state == http::h1::State::Complete && progress.consumed == wire.size(), "not exactly one head");
  const http::h1::ParsedResponse again = reader.take();
  require(again.head.status == response.head.status, "the status changed");
  require(again.body == framing.body, "the framing is not what the writer was told");
  for (const http::HeaderField& field : again.head.headers) {
    require(response.head.headers.joined(field.name).has_value(), "a field came");
  }
}

// 5.
inline void check_one_framing(const http::Headers& headers, http::BodySize body) {
  const std::size_t lengths = headers.count("Content-Length");
  const std::size_t codings = headers.count("Transfer-Encoding");
  require(lengths + codings <= 1, "two framings");
  require(body.kind != http::BodySize::Kind::Streamed || lengths == 0, "a chunked body with a length");
  require(body.bytes <= INT64_MAX, "a length out of range");
}

inline void trace_head(std::string& trace, const http::Headers& headers, http::BodySize body) {
  check_one_framing(headers, body);
  for (const http::HeaderField& field : headers) trace += field.name + '=' + field.value + '\n';
  trace += "body " + std::to_string(static_cast<int>(body.kind)) + ' ' + std::to_string(body.bytes) + '\n';
}

// Reads one body off the front of `input`; false when the stream must end here.
inline bool read_body(std::string_view& input, std::size_t piece, http::BodySize size, std::string& trace) {
  http::h1::BodyDecoder decoder(size);
  std::string body;
  while (!input.empty() && decoder.state() == http::h1::BodyDecoder::State::More) {
    const auto step = decoder.next(input.substr(0, piece));
    require(step.consumed <= std::min(piece, input.size()), "more consumed than given");
    require(step.consumed > 0 || step.state != http::h1::BodyDecoder::State::More, "no progress");
    require(decoder.known_rest() <= INT64_MAX, "a chunk out of range");
    body.append(step.data);
    input.remove_prefix(step.consumed);
  }
  check_rechunked(body);
  trace += body + "\nstate " + std::to_string(static_cast<int>(decoder.state())) + '\n';
  return decoder.done();
}

inline std::string read_requests(std::string_view input, const Mode& mode, std::size_t piece) {
  std::string trace;
  http::h1::RequestParser parser(mode.request_options());
  while (!input.empty()) {
    const http::h1::Progress progress = parser.feed(input.substr(0, piece));
    require(progress.consumed <= std::min(piece, input.size()), "more consumed than given");
    input.remove_prefix(progress.consumed);
    if (progress.state == http::h1::State::NeedMore) continue;
    if (progress.state == http::h1::State::Refused) {
      return trace + "refused " + std::to_string(parser.refusal().status) + ' ' + parser.refusal().log;
    }
    const http::RequestHead head = parser.take_head();
    parser.reset();
    trace += head.method + ' ' + head.target.raw + ' ' + head.target.path + ' ' + head.target.host + '\n';
    trace_head(trace, head.headers, head.body);
    if (head.version == http::Version::Http09) return trace;
    check_forwarded(head, mode);
    if (!read_body(input, piece, head.body, trace)) return trace;
  }
  return trace;
}

inline std::string read_responses(std::string_view input, const Mode& mode, std::size_t piece) {
  std::string trace;
  http::h1::ResponseParser parser(mode.small_buffers ? 64 : 4096);
  parser.begin(mode.to_head);
  while (!input.empty()) {
    const http::h1::Progress progress = parser.feed(input.substr(0, piece));
    require(progress.consumed <= std::min(piece, input.size()), "more consumed than given");
    input.remove_prefix(progress.consumed);
    if (progress.state == http::h1::State::NeedMore) continue;
    if (progress.state == http::h1::State::Refused) return trace + "refused " + parser.refusal().log;
    const http::h1::ParsedResponse response = parser.take();
    trace +=
        std::to_string(response.head.status) + ' ' + response.head.reason + (response.keep_alive ? " keep\n" : "\n");
    trace_head(trace, response.head.headers, response.body);
    check_forwarded(response, mode);
    if (response.interim()) continue;
    if (!read_body(input, piece, response.body, trace) || !response.keep_alive) return trace;
    parser.begin(mode.to_head);
  }
  return trace;
}

inline void check_h1(std::string_view input) {
  if (input.empty()) return;
  const Mode mode(static_cast<unsigned char>(input.front()));
  input.remove_prefix(1);
  const auto read = mode.responses ? read_responses : read_requests;
  const std::string whole = read(input, mode, std::max<std::size_t>(input.size(), 1));
  require(whole == read(input, mode, mode.piece), "pieces are read differently");
}

}  // namespace caisson::fuzz
