#include "upstream/settings.h"

namespace caisson::upstream {

void ProxySettings::inherit(const ProxySettings& outer) {
  rules::inherit(set_headers, outer.set_headers);
  rules::inherit(hide_headers, outer.hide_headers);
  rules::inherit(pass_headers, outer.pass_headers);
  rules::inherit(redirects, outer.redirects);
  rules::inherit(cookie_paths, outer.cookie_paths);
  rules::inherit(cookie_domains, outer.cookie_domains);
  rules::inherit(connect_timeout, outer.connect_timeout);
  rules::inherit(send_timeout, outer.send_timeout);
  rules::inherit(read_timeout, outer.read_timeout);
  rules::inherit(buffer_size, outer.buffer_size);
  rules::inherit(pass_request_body, outer.pass_request_body);
  rules::inherit(pass_request_headers, outer.pass_request_headers);
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
  rules::inherit(ssl_protocols, outer.ssl_protocols);
  rules::inherit(ssl_ciphers, outer.ssl_ciphers);
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
