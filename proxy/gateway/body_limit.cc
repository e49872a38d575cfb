#include "gateway/body_limit.h"

#include <string>

#include "gateway/core_settings.h"
#include "rules/request_log.h"

namespace caisson::gateway {

bool exceeds_body_limit(rules::RequestState& state) {
  const http::BodySize size = state.exchange.request().body;
  const std::uint64_t limit = state.settings<CoreSettings>().max_body();
  if (limit == 0 || size.kind != http::BodySize::Kind::Declared || size.bytes <= limit) return false;
  rules::log(state, observe::Level::Error,
             "client intended to send too large body: " + std::to_string(size.bytes) +
                 " bytes; client_max_body_size is " + std::to_string(limit) + " here");
  return true;
}

async::Task<std::span<const std::byte>> LimitedBody::read() {
  const std::span<const std::byte> slice = co_await from_.read();
  seen_ += slice.size();
  if (seen_ > limit_) throw http::BadMessage(413, "client intended to send too large chunked body");
  co_return slice;
}

}  // namespace caisson::gateway
