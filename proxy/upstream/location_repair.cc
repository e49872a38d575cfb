#include "upstream/location_repair.h"

#include "base/text.h"

namespace caisson::upstream {

namespace {

std::string_view without_port(std::string_view authority) {
  const std::size_t bracket = authority.rfind(']');
  const std::size_t colon = authority.rfind(':');
  if (colon == std::string_view::npos || (bracket != std::string_view::npos && colon < bracket)) return authority;
  return authority.substr(0, colon);
}

}  // namespace

std::optional<std::string> repaired_upload_location(std::string_view location, const ClientView& client) {
  const std::size_t scheme_end = location.find("://");
  if (scheme_end == std::string_view::npos || client.authority.empty()) return std::nullopt;
  const std::string_view scheme = location.substr(0, scheme_end);
  std::string_view rest = location.substr(scheme_end + 3);
  const std::size_t path_at = rest.find('/');
  if (path_at == std::string_view::npos) return std::nullopt;
  const std::string_view authority = rest.substr(0, path_at);
  const std::string_view path = rest.substr(path_at);
  if (path.find("/blobs/uploads/") == std::string_view::npos) return std::nullopt;
  if (!text::iequals(without_port(authority), without_port(client.authority))) return std::nullopt;

  const bool wrong_scheme = text::iequals(scheme, "http") && client.scheme == "https";
  const bool ours = text::iequals(authority, client.sent_host);
  const bool wrong_port = ours && !text::iequals(authority, client.authority);
  if (!wrong_scheme && !wrong_port) return std::nullopt;
  std::string made(wrong_scheme ? client.scheme : scheme);
  made += "://";
  made += ours ? client.authority : authority;
  made += path;
  return made;
}

}  // namespace caisson::upstream
