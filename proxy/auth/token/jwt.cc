#include "auth/token/jwt.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "auth/token/base64url.h"
#include "auth/token/json.h"
#include "base/text.h"

namespace caisson::auth::token {
namespace {

using nlohmann::json;

constexpr std::size_t most_certificates = 10;

Error malformed(std::string what) { return {ErrorCode::BadRequest, "malformed token: " + std::move(what)}; }

std::optional<json> decode_object(std::string_view part) {
  const auto text = from_base64url(part);
  return text ? parse_object(*text) : std::nullopt;
}

// RFC 7519, section 2: a NumericDate may have a fraction. 0 when there is none.
std::optional<std::int64_t> date_of(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return 0;
  if (!found->is_number()) return std::nullopt;
  constexpr double far = 1e15;  // tens of millions of years, and whole in a double
  const double seconds = found->get<double>();
  if (!(std::abs(seconds) < far)) return std::nullopt;
  return static_cast<std::int64_t>(std::floor(seconds));
}

// RFC 7515, section 4.1.
std::optional<Error> read_header(const json& header, Jwt& into) {
  auto algorithm = text_of(header, "alg");
  auto kid = text_of(header, "kid");
  const auto chain = texts_of(header, "x5c");
  if (!algorithm || !kid || !chain) return malformed("its header has values of a wrong kind");
  if (header.contains("crit")) return malformed("its header demands extensions");
  if (chain->size() > most_certificates) return malformed("its header has too many certificates");
  for (const std::string& certificate : *chain) {
    auto der = text::from_base64(certificate);
    if (!der) return malformed("a certificate in its header is no base64");
    into.hint.x5c.push_back(std::move(*der));
  }
  if (const auto jwk = header.find("jwk"); jwk != header.end() && !jwk->is_null()) {
    if (!jwk->is_object()) return malformed("the key in its header is no object");
    into.hint.jwk = jwk->dump();
  }
  into.algorithm = std::move(*algorithm);
  into.hint.kid = std::move(*kid);
  return std::nullopt;
}

std::optional<std::vector<std::string>> audience_of(const json& payload) {
  const auto found = payload.find("aud");
  if (found != payload.end() && found->is_string()) return std::vector{found->get<std::string>()};
  return texts_of(payload, "aud");
}

std::optional<std::vector<Claims::Grant>> access_of(const json& payload) {
  std::vector<Claims::Grant> grants;
  const auto found = payload.find("access");
  if (found == payload.end() || found->is_null()) return grants;
  if (!found->is_array()) return std::nullopt;
  for (const json& item : *found) {
    if (!item.is_object()) return std::nullopt;
    auto type = text_of(item, "type");
    auto name = text_of(item, "name");
    auto actions = texts_of(item, "actions");
    if (!type || !name || !actions) return std::nullopt;
    grants.push_back({std::move(*type), std::move(*name), std::move(*actions)});
  }
  return grants;
}

std::optional<Error> read_claims(const json& payload, Claims& into) {
  auto issuer = text_of(payload, "iss");
  auto subject = text_of(payload, "sub");
  auto audience = audience_of(payload);
  auto access = access_of(payload);
  const auto expires = date_of(payload, "exp");
  const auto not_before = date_of(payload, "nbf");
  if (!issuer || !subject || !audience || !access || !expires || !not_before) {
    return malformed("its claims have values of a wrong kind");
  }
  into = {std::move(*issuer), std::move(*subject), std::move(*audience), *expires, *not_before, std::move(*access)};
  return std::nullopt;
}

}  // namespace

bool Claims::allow(std::string_view type, std::string_view name, std::string_view action) const noexcept {
  return std::any_of(access.begin(), access.end(), [&](const Grant& grant) {
    return grant.type == type && grant.name == name &&
           std::any_of(grant.actions.begin(), grant.actions.end(),
                       [&](const std::string& given) { return given == action || given == "*"; });
  });
}

Result<Jwt> parse_jwt(std::string_view text) {
  if (text.size() > most_token_bytes) return malformed("it is larger than " + std::to_string(most_token_bytes));
  const std::vector<std::string_view> parts = text::split(text, '.');
  if (parts.size() != 3) return malformed("it has not three parts");
  const auto header = decode_object(parts[0]);
  const auto payload = decode_object(parts[1]);
  auto signature = from_base64url(parts[2]);
  if (!header || !payload || !signature) return malformed("a part of it cannot be read");
  Jwt jwt;
  if (auto wrong = read_header(*header, jwt)) return std::move(*wrong);
  if (auto wrong = read_claims(*payload, jwt.claims)) return std::move(*wrong);
  jwt.signed_part = text.substr(0, parts[0].size() + 1 + parts[1].size());
  jwt.signature = std::move(*signature);
  return jwt;
}

}  // namespace caisson::auth::token
