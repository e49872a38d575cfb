#include "rules/subrequest.h"

#include <utility>

#include "async/join.h"

namespace caisson::rules {

namespace {

http::RequestHead head_of(const RequestState& parent, std::string path) {
  http::RequestHead head = parent.exchange.request();
  head.method = "GET";
  head.body = http::BodySize::none();
  head.target = {};
  head.target.raw = http::escaped_path(path);
  head.target.path = std::move(path);
  return head;
}

}  // namespace

Subrequest::Subrequest(RequestState& parent, std::string path)
    : exchange_(head_of(parent, std::move(path)), no_body_, *this, parent.exchange.connection()),
      state_(exchange_, parent) {
  exchange_.set_client_host(parent.exchange.client_host());
  exchange_.set_client_address(parent.exchange.client_address(), parent.exchange.client_port());
  exchange_.set_user(parent.exchange.user());
  exchange_.attach(&state_);
}

async::Task<void> Subrequest::run() {
  async::CancelScope* outer = co_await async::current_scope();
  async::CancelScope scope(outer);
  scope_ = &scope;
  try {
    auto asking = async::under(scope, state_.runner->run_subrequest(state_));
    co_await asking;
  } catch (const async::Cancelled&) {
    if (!gave_up()) throw;
  }
}

async::Task<void> Subrequest::start(http::ResponseHead head) {
  head_ = std::move(head);
  state_.response = &head_;
  co_return;
}

async::Task<void> Subrequest::write(std::span<const std::byte> slice) {
  dropped_ += slice.size();
  if (gave_up()) scope_->cancel();
  co_return;
}

}  // namespace caisson::rules
