#include "auth/token/token_verifier.h"

#include <algorithm>

namespace caisson::auth::token {
namespace {

using Verified = Result<std::shared_ptr<const Claims>>;

Verified verify_now(std::string_view token, const TrustedKeys& keys) {
  auto jwt = parse_jwt(token);
  if (!jwt.ok()) return std::move(jwt).error();
  const auto key = keys.find(jwt.value().hint);
  if (!key.ok()) return key.error();
  const Jwt& parsed = jwt.value();
  auto genuine = verify_signature(parsed.algorithm, *key.value(), parsed.signed_part, parsed.signature);
  if (!genuine.ok()) return std::move(genuine).error();
  return std::make_shared<const Claims>(std::move(jwt.value().claims));
}

// Why a genuine token does not count here and now; "" when it does.
std::string_view objection(const Claims& claims, const TokenVerifier::Expected& expected, TokenVerifier::Time now) {
  if (claims.issuer != expected.issuer) return "it is of another issuer";
  const auto& audience = claims.audience;
  if (std::find(audience.begin(), audience.end(), expected.service) == audience.end()) {
    return "it is for another service";
  }
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  constexpr std::int64_t leeway = TokenVerifier::leeway.count();
  if (seconds > claims.expires + leeway) return "it has expired";
  if (seconds < claims.not_before - leeway) return "it is not valid yet";
  return {};
}

}  // namespace

Result<std::shared_ptr<TokenVerifier>> TokenVerifier::make(std::vector<std::pair<std::string, std::string>> files,
                                                           async::BlockingPool* pool) {
  auto keys = TrustedKeys::parse(files);
  if (!keys.ok()) return std::move(keys).error();
  return std::shared_ptr<TokenVerifier>(new TokenVerifier(std::move(files), std::move(keys).value(), pool));
}

Result<void> TokenVerifier::hand_over(const std::string& path, const std::string& text) {
  const std::lock_guard lock(mutex_);
  auto files = files_;
  const auto found = std::find_if(files.begin(), files.end(), [&](const auto& file) { return file.first == path; });
  if (found == files.end()) return {};
  found->second = text;
  auto keys = TrustedKeys::parse(files);
  if (!keys.ok()) return std::move(keys).error();
  files_ = std::move(files);
  keys_ = std::move(keys).value();
  return {};
}

std::shared_ptr<const TrustedKeys> TokenVerifier::keys() {
  const std::lock_guard lock(mutex_);
  return keys_;
}

async::Task<Verified> TokenVerifier::verify(std::string_view token, const Expected& expected, Time now) {
  const std::shared_ptr<const TrustedKeys> trusted = keys();
  std::shared_ptr<const Claims> claims = cache_.find(token, *trusted, now);
  if (!claims) {
    if (token.size() > most_token_bytes) co_return Error{ErrorCode::BadRequest, "the token is too large"};
    // Both outlive the job, which is joined.
    auto verified = co_await pool_->run([&token, &trusted] { return verify_now(token, *trusted); });
    if (!verified.ok()) co_return std::move(verified).error();
    claims = std::move(verified).value();
    cache_.remember(token, trusted, claims, now);
  }
  const std::string_view against = objection(*claims, expected, now);
  if (!against.empty()) co_return Error{ErrorCode::Denied, std::string(against)};
  co_return claims;
}

}  // namespace caisson::auth::token
