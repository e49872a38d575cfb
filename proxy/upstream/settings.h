// What the proxy_* directives say at one level, and how an inner level takes it from the outer one.
// ngx_http_proxy_module: ngx_http_proxy_merge_loc_conf.
//
// Threading: written while loading, read-only afterwards.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "net/address.h"
#include "rules/level.h"
#include "rules/template.h"
#include "upstream/cookies.h"
#include "upstream/redirect.h"

namespace caisson::observe {
class ConnectionSlots;
}

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
  OwnFault = 1U << 11,  // no server is to blame, so none is tried; no directive has it
};

// Orders of the backend that are not followed: proxy_ignore_headers, as bits.
enum IgnoredOrder : unsigned {
  IgnoreRedirect = 1U << 0,
  IgnoreExpires = 1U << 1,  // X-Accel-Expires, Expires, Cache-Control, Set-Cookie and Vary are a cache's
  IgnoreLimitRate = 1U << 2,
  IgnoreBuffering = 1U << 3,
  IgnoreCharset = 1U << 4,
};

// The bit of a response status; 0 for one that proxy_next_upstream does not know.
unsigned next_on_status(unsigned status) noexcept;

// proxy_bind: the address that connections to backends come from.
struct BindAddress {
  rules::Template address;   // with or without a port
  bool transparent = false;  // it need not be one of this machine's

  // "1.2.3.4", "1.2.3.4:5", "[::1]:5"; nothing for what is no address.
  static std::optional<net::Address> parse(std::string_view text);
};

// proxy_cache, as it is written.
struct CacheChoice {
  rules::Template zone;  // or "off"
  config::SourcePos at;
};

// A file that a directive names, read while loading.
struct PemFile {
  std::string path;
  std::string content;
};

// A file that a directive may name with variables: read while loading, unless it does.
struct TlsFile {
  rules::Template name;
  std::string folder;  // where relative names start
  PemFile file;        // without variables

  // Complete; empty where the name is.
  std::string path(rules::RequestState& state) const;
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
  std::optional<std::vector<CookieFlags>> cookie_flags;

  std::optional<Milliseconds> connect_timeout;
  std::optional<Milliseconds> send_timeout;
  std::optional<Milliseconds> read_timeout;
  std::optional<std::uint64_t> buffer_size;  // the largest response head
  std::optional<rules::Template> method;
  std::optional<rules::Template> body;  // in the place of the client's
  std::optional<bool> pass_request_body;
  std::optional<bool> pass_request_headers;
  std::optional<CacheChoice> cache;
  std::optional<bool> intercept_errors;
  std::optional<bool> force_ranges;
  std::optional<bool> ignore_client_abort;
  std::optional<bool> repair_location;
  std::optional<unsigned> ignored_orders;          // IgnoredOrder
  std::optional<bool> buffering;                   // counts for limit_rate alone: nothing is ever buffered
  std::optional<std::uint64_t> limit_rate;         // bytes a second that are read of a response
  std::optional<std::optional<BindAddress>> bind;  // off: an empty one
  std::optional<unsigned> next_upstream;           // NextOn
  std::optional<std::uint64_t> next_upstream_tries;
  std::optional<Milliseconds> next_upstream_timeout;

  std::optional<bool> ssl_verify;
  std::optional<std::uint64_t> ssl_verify_depth;
  std::optional<bool> ssl_server_name;
  std::optional<rules::Template> ssl_name;
  std::optional<PemFile> ssl_trusted_certificate;
  std::optional<PemFile> ssl_crl;
  std::optional<std::vector<std::string>> ssl_protocols;
  std::optional<std::string> ssl_ciphers;
  std::optional<bool> ssl_session_reuse;
  std::optional<TlsFile> ssl_certificate;
  std::optional<TlsFile> ssl_certificate_key;
  std::optional<std::vector<std::string>> ssl_passwords;
  std::optional<std::vector<std::pair<std::string, std::string>>> ssl_conf_commands;

  observe::ConnectionSlots* slots = nullptr;  // null: connections are not counted

  void inherit(const ProxySettings& outer);
};

}  // namespace caisson::upstream
