// fastcgi_*, uwsgi_*, scgi_*, grpc_*, memcached_*: as long as nothing passes requests to such a backend their settings
// mean nothing, and stand in many files. "*_pass" itself is refused.

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/compatibility/parts.h"
#include "rules/checks.h"
#include "rules/loader.h"

namespace caisson::gateway {

using config::Directive;
using rules::any_number;
using rules::DirectiveSpec;
using rules::Loader;

namespace {

enum Family : unsigned { Fastcgi = 1, Uwsgi = 2, Scgi = 4, Grpc = 8, Memcached = 16 };
constexpr unsigned cgi = Fastcgi | Uwsgi | Scgi;
constexpr unsigned tls = Uwsgi | Grpc;
constexpr unsigned all = cgi | Grpc | Memcached;

struct Setting {
  unsigned families;
  std::string_view suffix;
  Result<void> (*check)(Loader&, const Directive&);
  unsigned least = 1;
  unsigned most = least;
};

constexpr Setting settings[] = {
    {all, "bind", rules::check_once, 1, 2},
    {all, "buffer_size", rules::check_size},
    {all, "connect_timeout", rules::check_milliseconds},
    {all, "next_upstream", rules::check_once, 1, any_number},
    {all, "next_upstream_timeout", rules::check_milliseconds},
    {all, "next_upstream_tries", rules::check_number},
    {all, "read_timeout", rules::check_milliseconds},
    {all, "send_timeout", rules::check_milliseconds},
    {all, "socket_keepalive", rules::check_flag},
    {cgi, "buffering", rules::check_flag},
    {cgi, "buffers", rules::check_buffers, 2},
    {cgi, "busy_buffers_size", rules::check_size},
    {cgi, "cache", rules::check_once},
    {cgi, "cache_background_update", rules::check_flag},
    {cgi, "cache_bypass", rules::check_once, 1, any_number},
    {cgi, "cache_key", rules::check_template},
    {cgi, "cache_lock", rules::check_flag},
    {cgi, "cache_lock_age", rules::check_milliseconds},
    {cgi, "cache_lock_timeout", rules::check_milliseconds},
    {cgi, "cache_max_range_offset", rules::check_offset},
    {cgi, "cache_methods", rules::check_once, 1, any_number},
    {cgi, "cache_min_uses", rules::check_number},
    {cgi, "cache_path", rules::check_nothing, 2, any_number},
    {cgi, "cache_revalidate", rules::check_flag},
    {cgi, "cache_use_stale", rules::check_once, 1, any_number},
    {cgi, "cache_valid", rules::check_nothing, 1, any_number},
    {cgi, "force_ranges", rules::check_flag},
    {cgi, "ignore_client_abort", rules::check_flag},
    {cgi, "limit_rate", rules::check_size},
    {cgi, "max_temp_file_size", rules::check_size},
    {cgi, "no_cache", rules::check_once, 1, any_number},
    {cgi, "param", rules::check_nothing, 2, 3},
    {cgi, "pass_request_body", rules::check_flag},
    {cgi, "pass_request_headers", rules::check_flag},
    {cgi, "request_buffering", rules::check_flag},
    {cgi, "store", rules::check_once},
    {cgi, "store_access", rules::check_once, 1, 3},
    {cgi, "temp_file_write_size", rules::check_size},
    {cgi, "temp_path", rules::check_once, 1, 4},
    {cgi | Grpc, "hide_header", rules::check_nothing},
    {cgi | Grpc, "ignore_headers", rules::check_once, 1, any_number},
    {cgi | Grpc, "intercept_errors", rules::check_flag},
    {cgi | Grpc, "pass_header", rules::check_nothing},
    {tls, "ssl_certificate", rules::check_once},
    {tls, "ssl_certificate_key", rules::check_once},
    {tls, "ssl_ciphers", rules::check_once},
    {tls, "ssl_conf_command", rules::check_nothing, 2},
    {tls, "ssl_crl", rules::check_once},
    {tls, "ssl_name", rules::check_template},
    {tls, "ssl_password_file", rules::check_once},
    {tls, "ssl_protocols", rules::check_once, 1, any_number},
    {tls, "ssl_server_name", rules::check_flag},
    {tls, "ssl_session_reuse", rules::check_flag},
    {tls, "ssl_trusted_certificate", rules::check_once},
    {tls, "ssl_verify", rules::check_flag},
    {tls, "ssl_verify_depth", rules::check_number},
    {Fastcgi, "catch_stderr", rules::check_nothing},
    {Fastcgi, "index", rules::check_once},
    {Fastcgi, "keep_conn", rules::check_flag},
    {Fastcgi, "send_lowat", rules::check_size},
    {Fastcgi, "split_path_info", rules::check_nothing},
    {Uwsgi, "modifier1", rules::check_number},
    {Uwsgi, "modifier2", rules::check_number},
    {Uwsgi, "string", rules::check_once},
    {Grpc, "set_header", rules::check_nothing, 2},
    {Memcached, "gzip_flag", rules::check_number},
};

std::vector<DirectiveSpec> make_specs() {
  static std::deque<std::string> names;  // which the specs refer to
  constexpr std::pair<Family, std::string_view> families[] = {
      {Fastcgi, "fastcgi_"}, {Uwsgi, "uwsgi_"}, {Scgi, "scgi_"}, {Grpc, "grpc_"}, {Memcached, "memcached_"}};
  constexpr unsigned everywhere = rules::Http | rules::Server | rules::Location;
  std::vector<DirectiveSpec> specs;
  for (const auto& [family, prefix] : families) {
    for (const Setting& setting : settings) {
      if ((setting.families & family) == 0) continue;
      const std::string& name = names.emplace_back(std::string(prefix).append(setting.suffix));
      const unsigned blocks = setting.suffix == "cache_path" ? unsigned{rules::Http} : everywhere;
      specs.push_back({name, blocks, setting.least, setting.most, DirectiveSpec::Body::None, setting.check,
                       "it is of a kind of backend that is not reached from here"});
    }
  }
  return specs;
}

}  // namespace

void describe_other_backends(rules::Language& language) {
  static const std::vector<DirectiveSpec> specs = make_specs();
  language.add_directives(specs);
}

}  // namespace caisson::gateway
