// What the client is shown of a backend's response: stands as the Responder between the exchange that a backend answers
// and the client's own. Hides headers, rewrites Location, Refresh and Set-Cookie, remembers what variables show.
// ngx_http_upstream_process_headers
//
// Ownership: borrows all it is given; the proxied exchange's. Threading: one loop.
#pragma once

#include <atomic>
#include <string>

#include "http/exchange.h"
#include "rules/request_state.h"
#include "upstream/facts.h"
#include "upstream/range_filter.h"
#include "upstream/redirect.h"
#include "upstream/settings.h"

namespace caisson::upstream {

// Thrown by start() in the place of a response that error_page is to answer (proxy_intercept_errors).
struct Intercepted {
  http::Answer answer;
};

// Thrown by start() in the place of a response that sends the request to another location (X-Accel-Redirect).
struct SentElsewhere {
  std::string to;
  http::Headers headers;  // of this response, for the one that takes its place
};

class ResponseFilter final : public http::Responder {
 public:
  // `repair_noted`: whether a repaired Location was logged before.
  ResponseFilter(http::Exchange& client, rules::RequestState& state, const ProxySettings& settings,
                 const DefaultRedirect& usual, std::string sent_host, std::atomic<bool>& repair_noted)
      : client_(client),
        state_(state),
        settings_(settings),
        usual_(usual),
        sent_host_(std::move(sent_host)),
        repair_noted_(repair_noted) {}

  // 1xx responses of a backend are its own affair.
  async::Task<void> inform(const http::ResponseHead& interim) override;
  async::Task<void> start(http::ResponseHead head) override;
  http::BodyWriter& body() override { return *body_; }
  bool can_upgrade() const noexcept override { return client_.can_upgrade(); }

 private:
  void remember(const http::ResponseHead& head);
  void intercept(const http::ResponseHead& head) const;
  void obey_redirect(const http::ResponseHead& head) const;
  void obey_charset(const http::ResponseHead& head, http::ResponseHead& out) const;
  bool ignores(unsigned order) const { return (settings_.ignored_orders.value_or(0) & order) != 0; }
  bool hidden(std::string_view name) const;
  std::string shown_location(const std::string& value);
  std::string shown(const http::HeaderField& field);

  http::Exchange& client_;
  rules::RequestState& state_;
  const ProxySettings& settings_;
  const DefaultRedirect& usual_;
  const std::string sent_host_;
  std::atomic<bool>& repair_noted_;
  http::BodyWriter* body_ = nullptr;
  std::optional<RangeWriter> part_;
};

}  // namespace caisson::upstream
