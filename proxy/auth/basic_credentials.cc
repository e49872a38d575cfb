#include "auth/basic_credentials.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <string_view>

#include "base/text.h"

namespace caisson::auth {

// ngx_http_auth_basic_user: the scheme in either case, then one or more spaces.
std::optional<BasicCredentials> BasicCredentials::of(const http::Headers& headers) {
  constexpr std::string_view scheme = "Basic ";
  const std::string* field = headers.find("Authorization");
  if (field == nullptr || headers.count("Authorization") != 1) return std::nullopt;
  const std::string_view value = *field;
  if (!text::iequals(value.substr(0, scheme.size()), scheme)) return std::nullopt;
  std::optional<std::string> plain = text::from_base64(text::trimmed(value.substr(scheme.size()), " "));
  if (!plain) return std::nullopt;
  std::optional<BasicCredentials> found;
  const std::size_t colon = plain->find(':');
  if (colon != std::string::npos && colon > 0) {
    found.emplace(BasicCredentials{plain->substr(0, colon), Secret(std::string_view(*plain).substr(colon + 1))});
  }
  OPENSSL_cleanse(plain->data(), plain->size());
  return found;
}

}  // namespace caisson::auth
