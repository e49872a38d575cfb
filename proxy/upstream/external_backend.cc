#include "upstream/external_backend.h"

#include <chrono>

#include "http/h1/serializer.h"
#include "net/socket.h"
#include "observe/connection_slots.h"
#include "rules/request_log.h"
#include "tls/transport.h"
#include "upstream/conversation.h"
#include "upstream/facts.h"
#include "upstream/settings.h"
#include "upstream/trouble.h"

namespace caisson::upstream {

namespace {

using Clock = std::chrono::steady_clock;

constexpr net::Milliseconds default_connect_timeout{60'000};
// A connection that waited longer may be closed by its backend just while a request is on its way.
constexpr net::Milliseconds surely_open{1000};

net::Milliseconds since(Clock::time_point start) {
  return std::chrono::duration_cast<net::Milliseconds>(async::Loop::current().now() - start);
}

// nginx takes all others for repeatable (ngx_http_upstream_next), RFC 9110 fewer; both agree on these.
bool repeatable(std::string_view method) {
  return method != "POST" && method != "PATCH" && method != "LOCK" && method != "CONNECT";
}

// One exchange on its way over the servers.
class Call {
 public:
  Call(http::Exchange& exchange, ServerGroup& servers, TlsProfile* tls, ExternalBackend::Idle& idle)
      : exchange_(exchange),
        state_(rules::RequestState::of(exchange)),
        settings_(state_.settings<ProxySettings>()),
        facts_(state_.data<Facts>()),
        servers_(servers),
        tls_(tls),
        idle_(idle.get()) {}

  async::Task<std::optional<http::Answer>> run();

 private:
  // How one attempt ended.
  struct Outcome {
    std::optional<Trouble> trouble;  // nothing: the exchange was answered
    bool stale = false;              // a kept connection had been closed by the backend
    bool repeatable = true;          // nothing was sent, or the request may be repeated
  };

  bool write_head();
  async::Task<Outcome> attempt(const Peer& peer, bool fresh, unsigned next_on);
  async::Task<std::unique_ptr<Connection>> connect(const Peer& peer, std::string key);
  std::string pool_key(const Peer& peer);
  tls::PeerName peer_name();
  std::optional<net::LocalEnd> local_end(const Peer& peer);
  std::optional<http::Answer> give_up(unsigned status);
  http::Answer nobody();
  bool in_time() const;
  void note(ServerGroup::Walk& walk, const Peer& peer, const Trouble& trouble);
  void log(observe::Level level, std::string_view text) { rules::log(state_, level, text, facts_.url()); }

  http::Exchange& exchange_;
  rules::RequestState& state_;
  const ProxySettings& settings_;
  Facts& facts_;
  ServerGroup& servers_;
  TlsProfile* tls_;
  IdleConnections& idle_;
  const Clock::time_point begun_ = async::Loop::current().now();
  std::string head_;  // of the request, as it goes over the wire
  bool bodiless_ = true;
  unsigned next_on_ = 0;
};

http::Answer status_only(unsigned status) {
  http::Answer answer;
  answer.status = status;
  return answer;
}

// False when the request does not fit into a request line.
bool Call::write_head() {
  const http::RequestHead& request = exchange_.request();
  const http::BodySize body = exchange_.body().size();
  bodiless_ =
      body.kind == http::BodySize::Kind::None || (body.kind == http::BodySize::Kind::Declared && body.bytes == 0);
  const http::h1::BackendRequest wire{request.method, request.target.raw, http::Version::Http11, request.headers, body};
  return http::h1::append_request_head(head_, wire).ok();
}

std::optional<http::Answer> Call::give_up(unsigned status) {
  // The client must not take what it got for the whole.
  if (exchange_.responded()) throw http::BadMessage(status, "upstream broke off in the middle of its response");
  return status_only(status);
}

bool Call::in_time() const {
  const net::Milliseconds limit = settings_.next_upstream_timeout.value_or(net::Milliseconds::zero());
  return limit.count() == 0 || since(begun_) < limit;
}

// Asked when no server has an address: another try in a moment may find one.
http::Answer Call::nobody() {
  facts_.add_attempt(servers_.name()).status = 503;
  http::Answer answer = status_only(503);
  answer.headers.add("Retry-After", "5");
  return answer;
}

// ngx_http_upstream_next
async::Task<std::optional<http::Answer>> Call::run() {
  if (!write_head()) co_return status_only(400);
  next_on_ = settings_.next_upstream.value_or(OnError | OnTimeout);
  ServerGroup::Walk walk = co_await servers_.walk(state_);
  for (const std::string& problem : walk.problems()) log(observe::Level::Error, problem);
  if (walk.nobody()) co_return nobody();
  walk.limit_tries(settings_.next_upstream_tries.value_or(0));
  for (;;) {
    const std::shared_ptr<Peer> peer = walk.next();
    if (!peer) {
      facts_.add_attempt(servers_.name()).status = 502;
      log(observe::Level::Error, "no live upstreams while connecting to upstream");
      co_return give_up(502);
    }
    const unsigned next_on = walk.tries_left() == 0 || !in_time() ? 0 : next_on_;
    Outcome outcome = co_await attempt(*peer, false, next_on);
    if (outcome.stale && outcome.repeatable) {
      facts_.attempts.pop_back();
      outcome = co_await attempt(*peer, true, next_on);
    }
    if (!outcome.trouble) co_return std::nullopt;
    const Trouble& trouble = *outcome.trouble;
    if (!exchange_.responded()) note(walk, *peer, trouble);
    const bool may_go_on = walk.tries_left() > 0 && (next_on_ & trouble.kind) != 0 && in_time();
    if (exchange_.responded() || !outcome.repeatable || !may_go_on) co_return give_up(trouble.status);
  }
}

void Call::note(ServerGroup::Walk& walk, const Peer& peer, const Trouble& trouble) {
  using Verdict = ServerGroup::Walk::Verdict;
  if (trouble.kind == On403 || trouble.kind == On404 || trouble.kind == OwnFault) {
    walk.leave(Verdict::Refused);
    return;
  }
  servers_.doubt(peer);
  if (walk.leave(Verdict::Failed)) log(observe::Level::Warn, "upstream server temporarily disabled");
}

async::Task<Call::Outcome> Call::attempt(const Peer& peer, bool fresh, unsigned next_on) {
  Attempt& record = facts_.add_attempt(peer.text);
  std::optional<observe::ConnectionSlots::Slot> slot;
  if (settings_.slots != nullptr) slot.emplace(settings_.slots->add());
  const bool may_repeat = bodiless_ && (repeatable(exchange_.request().method) || (next_on_ & OnNonIdempotent) != 0);

  std::unique_ptr<Connection> connection;
  std::optional<Conversation> conversation;
  Outcome outcome;
  bool kept = false;
  try {
    std::string key = pool_key(peer);
    if (const auto from = local_end(peer)) key += ' ' + from->address.text();
    if (!fresh) connection = idle_.take(key, may_repeat ? std::nullopt : std::optional(surely_open));
    kept = connection != nullptr;
    if (!kept) connection = co_await connect(peer, key);
    record.connected = record.age();
    conversation.emplace(exchange_, settings_, *connection, record, may_repeat ? next_on : 0);
    co_await conversation->run(head_);
    const bool closing = exchange_.request().headers.lists("Connection", "close");
    if (conversation->reusable() && !closing) idle_.put(std::move(connection), servers_.keep_alive());
    co_return outcome;
  } catch (const Trouble& trouble) {
    outcome.trouble = trouble;
  } catch (...) {
    record.ended = record.age();
    throw;
  }
  record.ended = record.age();
  if (record.status == 0) record.status = outcome.trouble->status;
  if (conversation) {
    outcome.stale = kept && conversation->unanswered() && outcome.trouble->kind == OnError;
    outcome.repeatable = may_repeat && !record.body_begun;
  }
  if (!outcome.stale || !outcome.repeatable) log(observe::Level::Error, outcome.trouble->what());
  co_return outcome;
}

// Connections to one address are interchangeable when the same name was verified under the same settings.
std::string Call::pool_key(const Peer& peer) {
  if (tls_ == nullptr) return peer.text;
  const tls::PeerName name = peer_name();
  return peer.text + ' ' + std::to_string(reinterpret_cast<std::uintptr_t>(tls_)) + ' ' + name.server_name + ' ' +
         name.verify_name + ' ' + tls_->certificate_path(state_);
}

tls::PeerName Call::peer_name() {
  std::string name = settings_.ssl_name ? settings_.ssl_name->expand(state_) : facts_.proxy_host;
  // Without its port; an IPv6 literal also without its brackets.
  if (name.starts_with('[')) {
    name = name.substr(1, name.find(']') - 1);
  } else if (const std::size_t colon = name.find(':'); colon != std::string::npos && name.rfind(':') == colon) {
    name.resize(colon);
  }
  tls::PeerName peer;
  peer.verify_name = name;
  if (settings_.ssl_server_name.value_or(false)) peer.server_name = std::move(name);
  return peer;
}

// ngx_http_upstream_set_local: an address that is none is as good as no proxy_bind.
std::optional<net::LocalEnd> Call::local_end(const Peer& peer) {
  if (!settings_.bind || !*settings_.bind || peer.address.is_unix()) return std::nullopt;
  const BindAddress& bind = **settings_.bind;
  const std::string text = bind.address.expand(state_);
  if (text.empty()) return std::nullopt;
  const auto address = BindAddress::parse(text);
  if (address) return net::LocalEnd{*address, bind.transparent};
  log(observe::Level::Error, "invalid local address \"" + text + '"');
  return std::nullopt;
}

async::Task<std::unique_ptr<Connection>> Call::connect(const Peer& peer, std::string key) {
  const net::Milliseconds limit = settings_.connect_timeout.value_or(default_connect_timeout);
  const char* doing = "connecting to upstream";
  try {
    Result<Fd> socket = co_await net::connect(peer.address, limit, local_end(peer));
    if (!socket.ok()) throw broken(socket.error().what, doing);
    async::Loop& loop = async::Loop::current();
    if (tls_ == nullptr) {
      auto plain = std::make_unique<net::PlainTransport>(loop, std::move(socket).value());
      co_return std::make_unique<Connection>(std::move(plain), std::move(key));
    }
    doing = "SSL handshaking to upstream";
    tls::PeerName name = peer_name();
    name.session_key = key;
    const Result<tls::ClientContext> context = tls_->here(state_);
    if (!context.ok()) throw Trouble(OwnFault, 500, context.error().what);
    auto encrypted = std::make_unique<tls::TlsTransport>(loop, std::move(socket).value(), context.value(), name);
    co_await encrypted->handshake(limit);
    co_return std::make_unique<Connection>(std::move(encrypted), std::move(key));
  } catch (const net::ConnectionLost& lost) {
    throw broken(lost.what(), doing);
  } catch (const async::TimedOut&) {
    throw timed_out(doing);
  }
}

}  // namespace

async::Task<std::optional<http::Answer>> ExternalBackend::handle(http::Exchange& exchange) {
  Call call(exchange, *servers_, tls_.get(), *idle_);
  co_return co_await call.run();
}

}  // namespace caisson::upstream
