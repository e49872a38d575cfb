#include "app/serving_loop.h"

#include <utility>

#include "async/join.h"
#include "gateway/core_settings.h"
#include "net/proxy_protocol.h"
#include "net/socket.h"
#include "rules/request_log.h"
#include "tls/transport.h"

namespace caisson::app {

namespace {

using gateway::Endpoint;

session::ClientOptions options_of(const Endpoint& endpoint) {
  const auto& s = endpoint.default_host->level->get<gateway::ServerSettings>();
  session::ClientOptions options;
  http::h1::RequestOptions& p = options.parser;
  p.client_header_buffer_size = s.client_header_buffer_size.value_or(p.client_header_buffer_size);
  p.large_client_header_buffers = s.large_header_buffers.value_or(p.large_client_header_buffers);
  p.large_client_header_buffer_size = s.large_header_buffer_size.value_or(p.large_client_header_buffer_size);
  p.ignore_invalid_headers = s.ignore_invalid_headers.value_or(true);
  p.underscores_in_headers = s.underscores_in_headers.value_or(false);
  p.merge_slashes = s.merge_slashes.value_or(true);
  options.header_timeout = s.client_header_timeout.value_or(options.header_timeout);
  return options;
}

void describe_tls(const tls::Facts& facts, http::ConnectionInfo& info) {
  info.tls = true;
  info.tls_protocol = facts.protocol;
  info.tls_cipher = facts.cipher;
  info.tls_ciphers = facts.ciphers;
  info.tls_curve = facts.curve;
  info.tls_curves = facts.curves;
  info.tls_session_id = facts.session_id;
  info.tls_session_reused = facts.session_reused;
  info.tls_server_name = facts.server_name;
  info.client_certificate = facts.client_certificate;
}

std::optional<http::ForwardedConnection> forwarded_connection(std::optional<net::ProxyHeader::Ends> ends) {
  if (!ends) return std::nullopt;
  return http::ForwardedConnection{std::move(ends->client), ends->client_port, std::move(ends->server),
                                   ends->server_port};
}

}  // namespace

Shared::Shared(const rules::Settings& s, observe::ConnectionCounts& c, observe::ConnectionSlots& room)
    : settings(s), gate(s), connections(c), slots(room) {
  for (const Endpoint& endpoint : gate.hosts().endpoints()) client_options.push_back(options_of(endpoint));
}

ServingLoop::ServingLoop(Shared& shared) : shared_(shared), counts_(shared.connections.add_loop()) {
  std::promise<async::Loop*> made;
  auto loop = made.get_future();
  thread_ = std::thread([this, &made] { run(made); });
  loop_ = loop.get();
}

void ServingLoop::serve(Accepted client) {
  auto held = std::make_shared<Accepted>(std::move(client));
  post([this, held] { loop_->spawn(serve_connection(std::move(*held))); });
}

void ServingLoop::close_one_idle() {
  post([this] { idle_.close_oldest(); });
}

void ServingLoop::renew_tls(std::shared_ptr<const gateway::VirtualHosts> hosts) {
  post([this, hosts = std::move(hosts)] { tls_ = make_tls_hosts(hosts, shared_.tls); });
}
void ServingLoop::quit() {
  post([this] {
    idle_.drain();
    loop_->stop_when_idle();
  });
}
void ServingLoop::stop() {
  post([this] { loop_->stop(); });
}
void ServingLoop::join() {
  if (thread_.joinable()) thread_.join();
}

// The loop lives on its thread's stack and may have ended already, by an earlier signal: then there is nothing to do.
void ServingLoop::post(std::function<void()> work) {
  const std::lock_guard lock(loop_mutex_);
  if (loop_ != nullptr) loop_->post(std::move(work));
}

void ServingLoop::run(std::promise<async::Loop*>& made) {
  async::Loop loop;
  tls_ = make_tls_hosts(shared_.hosts(), shared_.tls);
  loop.on_failure([this](std::exception_ptr error) { report(error); });
  made.set_value(&loop);
  loop.run();
  tls_.clear();
  const std::lock_guard lock(loop_mutex_);
  loop_ = nullptr;
}

void ServingLoop::report(const std::exception_ptr& error) const {
  const auto& log = shared_.settings.root.get<rules::ErrorLogSettings>().log;
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& failed) {
    if (log) log->alert(std::string("a connection ended unexpectedly: ") + failed.what());
  }
}

http::ConnectionInfo ServingLoop::describe(std::size_t listener, int fd, const net::Address& peer) const {
  const net::Address local = net::local_address(fd);
  http::ConnectionInfo info;
  info.serial = shared_.next_connection.fetch_add(1, std::memory_order_relaxed);
  info.client_address = peer.ip();
  info.client_port = peer.port();
  info.server_address = local.ip();
  info.server_port = local.port();
  info.listener = shared_.gate.hosts().endpoint_of(listener, info.server_address);
  info.descriptor = fd;
  return info;
}

async::Task<void> ServingLoop::serve_connection(Accepted client) {
  observe::CountedConnection counted(counts_);
  Fd& socket = client.socket;
  http::ConnectionInfo info = describe(client.endpoint, socket.get(), client.peer);
  const std::size_t index = info.listener;
  const session::ClientOptions& options = shared_.client_options[index];
  try {
    if (shared_.gate.hosts().endpoints()[index].options.proxy_protocol) {
      auto header = co_await net::read_proxy_header(*loop_, socket.get(), options.header_timeout);
      if (!header)
        co_return log_connection(index, info, observe::Level::Error, "broken header", " reading PROXY protocol");
      info.forwarded = forwarded_connection(std::move(header->ends));
    }
    if (tls_[index]) {
      co_await serve_encrypted(index, std::move(socket), std::move(info), counted);
    } else {
      co_await serve_plain(index, std::move(socket), std::move(info), counted, 0);
    }
  } catch (const net::ConnectionLost&) {
  } catch (const async::TimedOut&) {
    log_connection(index, info, observe::Level::Info, "client timed out", " waiting for request");
  }
}

// `refused`: a status that answers the first request, whatever it says; 0: none.
async::Task<void> ServingLoop::serve_plain(std::size_t index, Fd socket, http::ConnectionInfo info,
                                           observe::CountedConnection& counted, unsigned refused) {
  session::Client client(std::make_unique<net::PlainTransport>(*loop_, std::move(socket)), std::move(info),
                         shared_.gate, idle_, counted, shared_.client_options[index]);
  if (refused != 0) {
    client.refuse(refused, "client sent plain HTTP request to HTTPS port while reading client request headers");
  }
  co_await client.run();
}

async::Task<void> ServingLoop::serve_encrypted(std::size_t index, Fd socket, http::ConnectionInfo info,
                                               observe::CountedConnection& counted) {
  const session::ClientOptions& options = shared_.client_options[index];
  std::unique_ptr<tls::TlsTransport> transport;
  try {
    const tls::Opening opening = co_await opening_of(socket.get(), options.header_timeout);
    if (opening == tls::Opening::Nothing) {
      co_return log_connection(index, info, observe::Level::Debug, "client closed connection", " SSL handshaking");
    }
    if (opening == tls::Opening::Plain) {
      co_return co_await serve_plain(index, std::move(socket), std::move(info), counted, 497);
    }
    transport = std::make_unique<tls::TlsTransport>(*loop_, std::move(socket), tls_[index]);
    const bool done = co_await shake_hands(*transport, options.header_timeout);
    if (!done) throw async::TimedOut();
  } catch (const net::ConnectionLost& lost) {
    co_return log_connection(index, info, observe::Level::Info, lost.what(), " SSL handshaking");
  } catch (const async::TimedOut&) {
    co_return log_connection(index, info, observe::Level::Info, "client timed out", " SSL handshaking");
  }
  describe_tls(transport->facts(), info);
  session::Client client(std::move(transport), std::move(info), shared_.gate, idle_, counted, options);
  co_await client.run();
}

async::Task<tls::Opening> ServingLoop::opening_of(int fd, net::Milliseconds limit) {
  async::CancelScope* outer = co_await async::current_scope();
  async::CancelScope scope(outer);
  const session::IdleWait waiting(idle_, scope, false);
  auto first = async::under(scope, tls::opening_of(*loop_, fd, limit));
  co_return co_await first;
}

// False: it took long, and its place was needed.
async::Task<bool> ServingLoop::shake_hands(tls::TlsTransport& transport, net::Milliseconds limit) {
  async::CancelScope* outer = co_await async::current_scope();
  async::CancelScope scope(outer);
  const session::IdleWait waiting(idle_, scope, std::chrono::steady_clock::now());
  try {
    auto shaking = async::under(scope, transport.handshake(limit));
    co_await shaking;
  } catch (const async::Cancelled&) {
    if (outer != nullptr && outer->cancelled()) throw;
    co_return false;
  }
  co_return true;
}

// Of a connection that has made no request yet; `doing` in nginx's words.
void ServingLoop::log_connection(std::size_t endpoint, const http::ConnectionInfo& info, observe::Level level,
                                 std::string_view what, std::string_view doing) const {
  const Endpoint& at = shared_.gate.hosts().endpoints()[endpoint];
  const auto& log = at.default_host->level->get<rules::ErrorLogSettings>().log;
  if (!log || !log->enabled(level)) return;
  observe::LogContext context;
  context.connection = info.serial;
  context.client = info.client_address;
  const std::string server = at.address.str();
  context.server = server;
  log->write(level, std::string(what) + " while" + std::string(doing), context);
}

}  // namespace caisson::app
