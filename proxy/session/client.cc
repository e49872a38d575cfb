#include "session/client.h"

#include <optional>

#include "async/join.h"
#include "session/h1_body.h"
#include "session/h1_responder.h"

namespace caisson::session {

namespace {

async::Task<void> read_away(Input& input, net::Milliseconds idle) {
  for (;;) {
    const bool more = co_await input.fill(idle);
    if (!more) co_return;
    input.consume(input.unread().size());
  }
}

// Clients send a head at once: who has not after so long gives its place when there is no other.
constexpr std::chrono::seconds long_for_a_head{2};

async::Task<void> drain(H1Body& body) {
  for (;;) {
    const auto slice = co_await body.read();
    if (slice.empty()) co_return;
  }
}

}  // namespace

void IdleConnections::drain() {
  draining_ = true;
  for (const Waiting& one : waiting_) {
    if (one.served) one.scope->cancel();
  }
}

void IdleConnections::close_oldest() {
  for (const Waiting& one : waiting_) {
    if (!one.scope->cancelled()) return one.scope->cancel();  // others are on their way out
  }
  const Waiting* slowest = nullptr;
  for (const Waiting& one : in_the_middle_) {
    if (!one.scope->cancelled() && (slowest == nullptr || one.since < slowest->since)) slowest = &one;
  }
  if (slowest != nullptr && Clock::now() - slowest->since >= long_for_a_head) slowest->scope->cancel();
}

Client::Client(std::unique_ptr<net::Transport> transport, http::ConnectionInfo info, http::Handler& handler,
               IdleConnections& idle, observe::CountedConnection& counted, const ClientOptions& options)
    : transport_(std::move(transport)),
      info_(std::move(info)),
      handler_(handler),
      idle_(idle),
      counted_(counted),
      options_(options),
      input_(*transport_),
      parser_(options.parser),
      wait_limit_(options.header_timeout) {}

void Client::refuse(unsigned status, std::string why) {
  refused_ = status;
  refusal_ = std::move(why);
}

async::Task<void> Client::run() {
  try {
    Next next = Next::Request;
    while (next == Next::Request) {
      if (!co_await wait_for_request()) co_return;
      if (!co_await read_head()) co_return;
      next = co_await serve_request();
    }
    if (next != Next::Close) co_await finish(next == Next::Linger);
  } catch (const http::PeerGone&) {
  } catch (const async::TimedOut&) {
  }
}

// False: nobody asks any more.
async::Task<bool> Client::wait_for_request() {
  info_.pipelined = !input_.empty();
  if (!input_.empty()) co_return true;
  if (idle_.draining() && info_.requests > 0) co_return false;
  counted_.enter(observe::LoopCounts::Phase::Waiting);
  async::CancelScope* outer = co_await async::current_scope();
  async::CancelScope scope(outer);
  const IdleWait waiting(idle_, scope, info_.requests > 0);
  bool come = true;
  try {
    auto wait = async::under(scope, input_.wait(wait_limit_));
    co_await wait;
  } catch (const async::Cancelled&) {
    come = false;
  } catch (const async::TimedOut&) {
    come = false;
  } catch (const http::PeerGone&) {
    come = false;
  }
  co_return come;
}

// False: the client left, or took too long, before its head began. In the middle of it: the log gets a line, as
// ngx_http_read_request_header makes it.
async::Task<bool> Client::read_head() {
  counted_.begin_request();
  parser_.reset();
  head_began_ = input_.received() - input_.unread().size();
  const auto began = async::Loop::current().now();
  const auto deadline = began + options_.header_timeout;
  async::CancelScope* outer = co_await async::current_scope();
  async::CancelScope scope(outer);
  for (;;) {
    if (input_.empty()) {
      const auto left = std::chrono::duration_cast<net::Milliseconds>(deadline - async::Loop::current().now());
      unsigned given_up = 400;
      bool more = false;
      try {
        if (left <= net::Milliseconds::zero()) throw async::TimedOut();
        std::optional<IdleWait> waiting;
        if (parser_.started()) waiting.emplace(idle_, scope, began);
        auto filling = async::under(scope, input_.fill(left));
        more = co_await filling;
      } catch (const async::TimedOut&) {
        given_up = 408;
      } catch (const async::Cancelled&) {
        if (outer != nullptr && outer->cancelled()) throw;
        given_up = 408;  // its place was needed
      } catch (const http::PeerGone&) {
      }
      if (!more) co_return parser_.give_up(given_up);
    }
    const http::h1::Progress progress = parser_.feed(input_.unread());
    input_.consume(progress.consumed);
    if (progress.state != http::h1::State::NeedMore) co_return true;
  }
}

async::Task<Client::Next> Client::serve_request() {
  const bool broken = parser_.refusal().status != 0;
  http::RequestHead head = parser_.take_head();
  head.ignored = parser_.ignored_names();
  if (broken) head.body = http::BodySize::none();
  ++info_.requests;
  counted_.enter(observe::LoopCounts::Phase::Writing);

  async::CancelScope* outer = co_await async::current_scope();
  async::CancelScope scope(outer);
  H1Body body(input_, *transport_, head.body, !broken && http::h1::expects_continue(head));
  H1Responder::Request request;
  request.version = head.version;
  request.to_head = head.method == "HEAD";
  request.keep_alive = !broken && refused_ == 0 && http::h1::client_keeps_alive(head);
  request.number = info_.requests;
  request.upgradable = head.version == http::Version::Http11 && head.body.kind == http::BodySize::Kind::None &&
                       head.headers.lists("Connection", "upgrade") && head.headers.has("Upgrade");
  H1Responder responder(*transport_, body, idle_, request);

  std::string host;
  if (!head.target.host.empty()) {
    host = head.target.host;
  } else if (const std::string* field = head.headers.find("Host")) {
    host = *field;
  }
  http::Exchange exchange(std::move(head), body, responder, info_);
  exchange.set_client_host(std::move(host));
  exchange.traffic().received = input_.received() - input_.unread().size() - head_began_;
  if (broken) exchange.refuse(parser_.refusal().status, parser_.refusal().log);
  if (refused_ != 0) exchange.refuse(refused_, refusal_);
  body.follow(exchange.policy());
  responder.follow(exchange.policy(), exchange.traffic());

  body.cancel_when_abandoned(scope);

  bool failed = false;
  bool timed_out = parser_.refusal().status == 408;
  try {
    auto answering = async::under(scope, handler_.handle(exchange));
    co_await answering;
  } catch (const async::TimedOut&) {
    failed = timed_out = true;
  } catch (const std::exception&) {  // the handler has logged it
    failed = true;
  }
  linger_ = linger_of(exchange.policy());
  if (failed || !responder.finished()) {
    // Nobody may take what has gone out for a whole response. A reset also takes away what the client has not read yet,
    // so it is for those alone who could not tell, and where reset_timedout_connection asks for it.
    const bool must_be_told = exchange.responded() && !responder.end_is_marked();
    if (must_be_told || (timed_out && exchange.policy().reset_timed_out)) transport_->reset();
    co_return Next::Close;
  }
  wait_limit_ = exchange.policy().keep_alive;
  exchange.policy().body_idle = exchange.policy().linger_idle;
  co_return co_await settle(body, responder);
}

// After a whole response: may another request follow? ngx_http_finalize_connection
async::Task<Client::Next> Client::settle(H1Body& body, const H1Responder& responder) {
  using Linger = http::ConnectionPolicy::Linger;
  if (!responder.keeps_alive()) {
    const bool all_read = body.done() && input_.empty() && !transport_->has_pending() && parser_.refusal().status == 0;
    const bool lingers = linger_.when == Linger::Always || (linger_.when == Linger::WhenSending && !all_read);
    co_return lingers ? Next::Linger : Next::Finish;
  }
  if (!body.done()) {
    // The rest of a body must never be read as a request (CVE-2025-4366).
    try {
      auto reading = async::with_deadline(linger_.in_all, drain(body));
      co_await reading;
    } catch (const http::BadMessage&) {  // broken chunks: nobody knows where the next request begins
    }
    if (!body.done()) co_return Next::Linger;
  }
  co_return Next::Request;
}

// Ends the connection in order. `lingering`: what still comes is read away for a while, since a close with unread bytes
// would be a reset, which takes the last response with it.
async::Task<void> Client::finish(bool lingering) {
  try {
    co_await transport_->shutdown(linger_.idle);
    if (!lingering) co_return;
    input_.consume(input_.unread().size());
    auto reading = async::with_deadline(linger_.in_all, read_away(input_, linger_.idle));
    co_await reading;
  } catch (const net::ConnectionLost&) {
  }
}

}  // namespace caisson::session
