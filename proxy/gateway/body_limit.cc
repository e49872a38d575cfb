#include "gateway/body_limit.h"

#include <string>

#include "gateway/core_settings.h"
#include "rules/request_log.h"

namespace caisson::gateway {

namespace {

// "; client_max_body_size is 1048576 in nginx.conf:12"
std::string limit_in_force(const CoreSettings& settings) {
  std::string text = "; client_max_body_size is " + std::to_string(settings.max_body());
  return text + (settings.client_max_body_size_at ? " in " + settings.client_max_body_size_at->str() : " by default");
}

}  // namespace

bool exceeds_body_limit(rules::RequestState& state) {
  const http::BodySize size = state.exchange.request().body;
  const std::uint64_t limit = state.settings<CoreSettings>().max_body();
  if (limit == 0 || size.kind != http::BodySize::Kind::Declared || size.bytes <= limit) return false;
  rules::log(state, observe::Level::Error,
             "client intended to send too large body: " + std::to_string(size.bytes) + " bytes" +
                 limit_in_force(state.settings<CoreSettings>()));
  return true;
}

async::Task<std::span<const std::byte>> LimitedBody::read() {
  const std::span<const std::byte> slice = co_await from_.read();
  seen_ += slice.size();
  if (seen_ > limit_) {
    rules::log(state_, observe::Level::Error,
               "client intended to send too large chunked body: " + std::to_string(seen_) + " bytes" +
                   limit_in_force(state_.settings<CoreSettings>()));
    throw http::BadMessage(413, "request body over client_max_body_size");
  }
  co_return slice;
}

}  // namespace caisson::gateway
