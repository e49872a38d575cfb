#include "upstream/proxy_url.h"

#include "base/text.h"

namespace caisson::upstream {

namespace {

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text::iequals(text.substr(0, prefix.size()), prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

}  // namespace

// ngx_parse_url, ngx_http_proxy_set_vars
Result<ProxyUrl> ProxyUrl::parse(std::string_view text) {
  ProxyUrl url;
  if (take_prefix(text, "https://")) {
    url.tls = true;
  } else if (!take_prefix(text, "http://")) {
    return Error{ErrorCode::BadConfig, "invalid URL prefix"};
  }
  const bool local = text::iequals(text.substr(0, 5), "unix:");
  // A socket's path has slashes of its own, so a ':' divides it from the URI.
  const std::size_t end = local ? text.find(':', 5) : text.find_first_of("/?");
  const std::string_view authority = text.substr(0, end);
  if (end != std::string_view::npos) {
    url.uri = text.substr(local ? end + 1 : end);
    if (url.uri.starts_with('?')) url.uri.insert(0, 1, '/');
  }
  const std::uint16_t usual = url.tls ? 443 : 80;
  Result<net::Endpoint> server = net::Endpoint::parse(authority, net::Endpoint::Use::Connect, usual);
  if (!server.ok()) return std::move(server).error();
  url.server = std::move(server).value();
  if (local) {
    url.proxy_host = "localhost";
    return url;
  }
  url.proxy_host = authority.substr(0, url.server.has_port ? authority.rfind(':') : authority.size());
  url.proxy_port = std::to_string(url.server.port);
  if (url.server.port != usual) url.proxy_host += ':' + url.proxy_port;
  return url;
}

}  // namespace caisson::upstream
