// What the core of the language sets for a location: limits and deadlines of the client's side, the media types of
// answers, and how the server names itself. ngx_http_core_module.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "rules/level.h"

namespace caisson::gateway {

struct CoreSettings {
  using Milliseconds = std::chrono::milliseconds;

  std::optional<std::uint64_t> client_max_body_size;  // bytes; 0 is no limit; unset is 1 MiB
  std::optional<config::SourcePos> client_max_body_size_at;
  std::optional<Milliseconds> client_body_timeout;
  std::optional<Milliseconds> send_timeout;
  std::optional<Milliseconds> keepalive_timeout;
  std::optional<Milliseconds> keepalive_header;  // the second argument: "Keep-Alive: timeout=N"
  std::optional<std::uint64_t> keepalive_requests;
  std::optional<bool> chunked_transfer_encoding;
  std::optional<std::string> default_type;
  std::optional<std::map<std::string, std::string>> types;  // extension in lower case to media type
  std::optional<std::string> server_tokens;
  std::optional<bool> server_name_in_redirect;
  std::optional<bool> port_in_redirect;
  std::optional<bool> internal;
  std::optional<bool> log_subrequest;

  void inherit(const CoreSettings& outer) {
    rules::inherit(client_max_body_size, outer.client_max_body_size);
    rules::inherit(client_max_body_size_at, outer.client_max_body_size_at);
    rules::inherit(client_body_timeout, outer.client_body_timeout);
    rules::inherit(send_timeout, outer.send_timeout);
    rules::inherit(keepalive_timeout, outer.keepalive_timeout);
    rules::inherit(keepalive_header, outer.keepalive_header);
    rules::inherit(keepalive_requests, outer.keepalive_requests);
    rules::inherit(chunked_transfer_encoding, outer.chunked_transfer_encoding);
    rules::inherit(default_type, outer.default_type);
    rules::inherit(types, outer.types);
    rules::inherit(server_tokens, outer.server_tokens);
    rules::inherit(server_name_in_redirect, outer.server_name_in_redirect);
    rules::inherit(port_in_redirect, outer.port_in_redirect);
    rules::inherit(log_subrequest, outer.log_subrequest);
    // `internal` stands for its own location alone
  }

  std::uint64_t max_body() const noexcept { return client_max_body_size.value_or(1024 * 1024); }
};

// Settings of a server block that count before a location is known. The default server of a listener lends its own to
// connections whose request has not named a host yet.
struct ServerSettings {
  using Milliseconds = std::chrono::milliseconds;

  std::optional<Milliseconds> client_header_timeout;
  std::optional<std::uint64_t> client_header_buffer_size;
  std::optional<std::uint64_t> large_header_buffers;      // how many
  std::optional<std::uint64_t> large_header_buffer_size;  // bytes each
  std::optional<bool> ignore_invalid_headers;
  std::optional<bool> underscores_in_headers;
  std::optional<bool> merge_slashes;

  void inherit(const ServerSettings& outer) {
    rules::inherit(client_header_timeout, outer.client_header_timeout);
    rules::inherit(client_header_buffer_size, outer.client_header_buffer_size);
    rules::inherit(large_header_buffers, outer.large_header_buffers);
    rules::inherit(large_header_buffer_size, outer.large_header_buffer_size);
    rules::inherit(ignore_invalid_headers, outer.ignore_invalid_headers);
    rules::inherit(underscores_in_headers, outer.underscores_in_headers);
    rules::inherit(merge_slashes, outer.merge_slashes);
  }
};

// "caisson/VERSION", or "caisson" with `server_tokens off`.
std::string server_name_for(const CoreSettings& settings);

// The media type for the last extension in a path, by `types` and `default_type`.
std::string media_type(const CoreSettings& settings, std::string_view path);

}  // namespace caisson::gateway
