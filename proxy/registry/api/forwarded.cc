#include "registry/api/forwarded.h"

#include "base/text.h"
#include "http/host.h"

namespace caisson::registry {
namespace {

void take_scheme(std::string_view scheme, Origin& origin) {
  if (text::iequals(scheme, "https")) origin.scheme = "https";
  if (text::iequals(scheme, "http")) origin.scheme = "http";
}

void take_host(std::string_view host, Origin& origin) {
  if (http::host_name(host)) origin.host = host;
}

std::string_view first_of(std::string_view list) { return text::trimmed(list.substr(0, list.find(','))); }

std::string_view unquoted(std::string_view value) {
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"') return value.substr(1, value.size() - 2);
  return value;
}

}  // namespace

Origin forwarded_origin(const http::Headers& headers, Origin own) {
  if (const std::string* forwarded = headers.find("Forwarded")) {
    // The first element is of the proxy that the client spoke to.
    for (const std::string_view pair : text::split(first_of(*forwarded), ';')) {
      const std::size_t equals = pair.find('=');
      if (equals == std::string_view::npos) continue;
      const std::string_view name = text::trimmed(pair.substr(0, equals));
      const std::string_view value = unquoted(text::trimmed(pair.substr(equals + 1)));
      if (text::iequals(name, "proto")) take_scheme(value, own);
      if (text::iequals(name, "host")) take_host(value, own);
    }
    return own;
  }
  if (const std::string* scheme = headers.find("X-Forwarded-Proto")) take_scheme(first_of(*scheme), own);
  if (const std::string* host = headers.find("X-Forwarded-Host")) take_host(first_of(*host), own);
  return own;
}

}  // namespace caisson::registry
