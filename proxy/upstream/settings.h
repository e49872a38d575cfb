// What the proxy_* directives say at one level, and how an inner level takes it from the outer one.
// ngx_http_proxy_module: ngx_http_proxy_merge_loc_conf.
//
// Threading: written while loading, read-only afterwards.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "rules/level.h"
#include "rules/template.h"
#include "upstream/redirect.h"

namespace caisson::upstream {

// A proxy_set_header. An empty value removes the header.
struct SetHeader {
  std::string name;
  rules::Template value;
};

// What lets the next server be tried: proxy_next_upstream, as bits.
enum NextOn : unsigned {
  OnError = 1U << 0,
  OnTimeout = 1U << 1,
  OnInvalidHeader = 1U << 2,
  On500 = 1U << 3,
  On502 = 1U << 4,
  On503 = 1U << 5,
  On504 = 1U << 6,
  On403 = 1U << 7,
  On404 = 1U << 8,
  On429 = 1U << 9,
  OnNonIdempotent = 1U << 10,
};

// The bit of a response status; 0 for one that proxy_next_upstream does not know.
unsigned next_on_status(unsigned status) noexcept;

// A file that a directive names, read while loading.
struct PemFile {
  std::string path;
  std::string content;
};

struct ProxySettings {
  using Milliseconds = std::chrono::milliseconds;

  // Arrays are inherited as a whole or not at all, as in nginx: one proxy_set_header hides all outer ones.
  std::optional<std::vector<SetHeader>> set_headers;
  std::optional<std::vector<std::string>> hide_headers;
  std::optional<std::vector<std::string>> pass_headers;
  std::optional<std::vector<RewriteRule>> redirects;  // empty: proxy_redirect off
  std::optional<std::vector<RewriteRule>> cookie_paths;
  std::optional<std::vector<RewriteRule>> cookie_domains;

  std::optional<Milliseconds> connect_timeout;
  std::optional<Milliseconds> send_timeout;
  std::optional<Milliseconds> read_timeout;
  std::optional<std::uint64_t> buffer_size;  // the largest response head
  std::optional<bool> pass_request_body;
  std::optional<bool> pass_request_headers;
  std::optional<bool> intercept_errors;
  std::optional<bool> ignore_client_abort;
  std::optional<bool> repair_location;
  std::optional<unsigned> next_upstream;  // NextOn
  std::optional<std::uint64_t> next_upstream_tries;
  std::optional<Milliseconds> next_upstream_timeout;

  std::optional<bool> ssl_verify;
  std::optional<std::uint64_t> ssl_verify_depth;
  std::optional<bool> ssl_server_name;
  std::optional<rules::Template> ssl_name;
  std::optional<PemFile> ssl_trusted_certificate;
  std::optional<std::vector<std::string>> ssl_protocols;
  std::optional<std::string> ssl_ciphers;

  void inherit(const ProxySettings& outer);
};

}  // namespace caisson::upstream
