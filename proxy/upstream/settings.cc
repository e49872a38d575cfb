#include "upstream/settings.h"

namespace caisson::upstream {

void ProxySettings::inherit(const ProxySettings& outer) {
  rules::inherit(set_headers, outer.set_headers);
  rules::inherit(hide_headers, outer.hide_headers);
  rules::inherit(pass_headers, outer.pass_headers);
  rules::inherit(redirects, outer.redirects);
  rules::inherit(cookie_paths, outer.cookie_paths);
  rules::inherit(cookie_domains, outer.cookie_domains);
  rules::inherit(cookie_flags, outer.cookie_flags);
  rules::inherit(method, outer.method);
  rules::inherit(body, outer.body);
  rules::inherit(ignored_orders, outer.ignored_orders);
  rules::inherit(buffering, outer.buffering);
  rules::inherit(limit_rate, outer.limit_rate);
  rules::inherit(bind, outer.bind);
  rules::inherit(connect_timeout, outer.connect_timeout);
  rules::inherit(send_timeout, outer.send_timeout);
  rules::inherit(read_timeout, outer.read_timeout);
  rules::inherit(buffer_size, outer.buffer_size);
  rules::inherit(pass_request_body, outer.pass_request_body);
  rules::inherit(pass_request_headers, outer.pass_request_headers);
  rules::inherit(cache, outer.cache);
  rules::inherit(force_ranges, outer.force_ranges);
  rules::inherit(intercept_errors, outer.intercept_errors);
  rules::inherit(ignore_client_abort, outer.ignore_client_abort);
  rules::inherit(repair_location, outer.repair_location);
  rules::inherit(next_upstream, outer.next_upstream);
  rules::inherit(next_upstream_tries, outer.next_upstream_tries);
  rules::inherit(next_upstream_timeout, outer.next_upstream_timeout);
  rules::inherit(ssl_verify, outer.ssl_verify);
  rules::inherit(ssl_verify_depth, outer.ssl_verify_depth);
  rules::inherit(ssl_server_name, outer.ssl_server_name);
  rules::inherit(ssl_name, outer.ssl_name);
  rules::inherit(ssl_trusted_certificate, outer.ssl_trusted_certificate);
  rules::inherit(ssl_crl, outer.ssl_crl);
  rules::inherit(ssl_session_reuse, outer.ssl_session_reuse);
  rules::inherit(ssl_certificate, outer.ssl_certificate);
  rules::inherit(ssl_certificate_key, outer.ssl_certificate_key);
  rules::inherit(ssl_passwords, outer.ssl_passwords);
  rules::inherit(ssl_conf_commands, outer.ssl_conf_commands);
  rules::inherit(ssl_protocols, outer.ssl_protocols);
  rules::inherit(ssl_ciphers, outer.ssl_ciphers);
  slots = outer.slots;
}

std::string TlsFile::path(rules::RequestState& state) const {
  std::string made = name.expand(state);
  return made.empty() || made.starts_with('/') ? made : folder + made;
}

std::optional<net::Address> BindAddress::parse(std::string_view text) {
  if (const auto lone = net::Address::from_ip(text, 0)) return lone;
  const Result<net::Endpoint> at = net::Endpoint::parse(text, net::Endpoint::Use::Connect, 0);
  return at.ok() ? at.value().numeric() : std::nullopt;
}

unsigned next_on_status(unsigned status) noexcept {
  switch (status) {
    case 500:
      return On500;
    case 502:
      return On502;
    case 503:
      return On503;
    case 504:
      return On504;
    case 403:
      return On403;
    case 404:
      return On404;
    case 429:
      return On429;
    default:
      return 0;
  }
}

}  // namespace caisson::upstream
