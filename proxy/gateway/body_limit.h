// client_max_body_size: how large a request body may be.
#pragma once

#include <cstdint>

#include "http/body.h"
#include "rules/request_state.h"

namespace caisson::gateway {

// Whether the declared size is over the limit in force; tells the log which line of the configuration set it.
bool exceeds_body_limit(rules::RequestState& state);

// Counts a body that did not declare its size, and ends it with BadMessage(413) when it grows over the limit.
class LimitedBody final : public http::BodyReader {
 public:
  // `limit` in bytes; 0 is no limit.
  LimitedBody(rules::RequestState& state, std::uint64_t limit)
      : state_(state), from_(state.exchange.body()), limit_(limit) {}

  bool needed() const noexcept { return limit_ != 0 && from_.size().kind == http::BodySize::Kind::Streamed; }
  http::BodyReader& unfiltered() noexcept { return from_; }

  http::BodySize size() const noexcept override { return from_.size(); }
  async::Task<std::span<const std::byte>> read() override;
  async::Task<bool> discard(bool invite) override { return from_.discard(invite); }

 private:
  rules::RequestState& state_;
  http::BodyReader& from_;
  std::uint64_t limit_;
  std::uint64_t seen_ = 0;
};

}  // namespace caisson::gateway
