#include "app/server.h"

#include <pthread.h>

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <thread>

#include "app/tls_hosts.h"
#include "async/loop.h"
#include "gateway/core_settings.h"
#include "gateway/gateway.h"
#include "net/listener.h"
#include "net/proxy_protocol.h"
#include "net/socket.h"
#include "rules/request_log.h"
#include "session/client.h"
#include "tls/transport.h"

namespace caisson::app {

namespace {

using gateway::Endpoint;

// What all loops share, read-only but for the counter.
struct Shared {
  const rules::Settings& settings;
  gateway::Gateway gate;
  std::vector<session::ClientOptions> client_options;  // by endpoint
  TlsShared tls;
  std::atomic<std::uint64_t> next_connection{1};
  observe::ConnectionCounts& connections;

  Shared(const rules::Settings& s, observe::ConnectionCounts& c) : settings(s), gate(s), connections(c) {}

  // As make_tls_hosts() takes them; the settings outlive all loops.
  std::shared_ptr<const gateway::VirtualHosts> hosts() const { return {std::shared_ptr<void>(), &gate.hosts()}; }
};

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

// http/ knows no tls/: the same facts in its own type.
std::shared_ptr<const http::ClientCertificate> exchange_form(
    const std::shared_ptr<const tls::ClientCertificate>& shown) {
  if (!shown) return nullptr;
  auto made = std::make_shared<http::ClientCertificate>();
  made->verified = shown->verified;
  made->untrusted_issuer = shown->untrusted_issuer;
  made->failure = shown->failure;
  made->pem = shown->pem;
  made->subject = shown->subject;
  made->issuer = shown->issuer;
  made->subject_legacy = shown->subject_legacy;
  made->issuer_legacy = shown->issuer_legacy;
  made->serial = shown->serial;
  made->fingerprint = shown->fingerprint;
  made->valid_from = shown->valid_from;
  made->valid_to = shown->valid_to;
  made->expires = shown->expires;
  return made;
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
  info.client_certificate = exchange_form(facts.client_certificate);
}

std::optional<http::ForwardedConnection> exchange_form(std::optional<net::ProxyHeader::Ends> ends) {
  if (!ends) return std::nullopt;
  return http::ForwardedConnection{std::move(ends->client), ends->client_port, std::move(ends->server),
                                   ends->server_port};
}

// One loop, its thread, and what its connections use.
class ServingLoop {
 public:
  explicit ServingLoop(Shared& shared) : shared_(shared), counts_(shared.connections.add_loop()) {
    std::promise<async::Loop*> made;
    auto loop = made.get_future();
    thread_ = std::thread([this, &made] { run(made); });
    loop_ = loop.get();
  }
  ~ServingLoop() { join(); }
  ServingLoop(const ServingLoop&) = delete;
  ServingLoop& operator=(const ServingLoop&) = delete;

  // From any thread. `endpoint` is an index into the virtual hosts' endpoints.
  void serve(std::size_t endpoint, Fd socket, const net::Address& peer) {
    auto held = std::make_shared<Fd>(std::move(socket));
    post([this, endpoint, held, peer] { loop_->spawn(serve_connection(endpoint, std::move(*held), peer)); });
  }
  // New connections get the certificates of these hosts.
  void renew_tls(std::shared_ptr<const gateway::VirtualHosts> hosts) {
    post([this, hosts = std::move(hosts)] { tls_ = make_tls_hosts(hosts, shared_.tls); });
  }
  void quit() {
    post([this] {
      idle_.drain();
      loop_->stop_when_idle();
    });
  }
  void stop() {
    post([this] { loop_->stop(); });
  }
  void join() {
    if (thread_.joinable()) thread_.join();
  }

 private:
  // The loop lives on its thread's stack and may have ended already, by an earlier signal: then there is nothing to do.
  void post(std::function<void()> work) {
    const std::lock_guard lock(loop_mutex_);
    if (loop_ != nullptr) loop_->post(std::move(work));
  }

  void run(std::promise<async::Loop*>& made) {
    async::Loop loop;
    tls_ = make_tls_hosts(shared_.hosts(), shared_.tls);
    loop.on_failure([this](std::exception_ptr error) { report(error); });
    made.set_value(&loop);
    loop.run();
    tls_.clear();
    const std::lock_guard lock(loop_mutex_);
    loop_ = nullptr;
  }

  void report(const std::exception_ptr& error) const {
    const auto& log = shared_.settings.root.get<rules::ErrorLogSettings>().log;
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& failed) {
      if (log) log->alert(std::string("a connection ended unexpectedly: ") + failed.what());
    }
  }

  http::ConnectionInfo describe(std::size_t listener, int fd, const net::Address& peer) const {
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

  async::Task<void> serve_connection(std::size_t listener, Fd socket, net::Address peer) {
    observe::CountedConnection counted(counts_);
    http::ConnectionInfo info = describe(listener, socket.get(), peer);
    const std::size_t index = info.listener;
    const session::ClientOptions& options = shared_.client_options[index];
    try {
      if (shared_.gate.hosts().endpoints()[index].options.proxy_protocol) {
        auto header = co_await net::read_proxy_header(*loop_, socket.get(), options.header_timeout);
        if (!header)
          co_return log_connection(index, info, observe::Level::Error, "broken header", " reading PROXY protocol");
        info.forwarded = exchange_form(std::move(header->ends));
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
  async::Task<void> serve_plain(std::size_t index, Fd socket, http::ConnectionInfo info,
                                observe::CountedConnection& counted, unsigned refused) {
    session::Client client(std::make_unique<net::PlainTransport>(*loop_, std::move(socket)), std::move(info),
                           shared_.gate, idle_, counted, shared_.client_options[index]);
    if (refused != 0) {
      client.refuse(refused, "client sent plain HTTP request to HTTPS port while reading client request headers");
    }
    co_await client.run();
  }

  async::Task<void> serve_encrypted(std::size_t index, Fd socket, http::ConnectionInfo info,
                                    observe::CountedConnection& counted) {
    const session::ClientOptions& options = shared_.client_options[index];
    std::unique_ptr<tls::TlsTransport> transport;
    try {
      if (!co_await tls::starts_with_tls(*loop_, socket.get(), options.header_timeout)) {
        co_return co_await serve_plain(index, std::move(socket), std::move(info), counted, 497);
      }
      transport = std::make_unique<tls::TlsTransport>(*loop_, std::move(socket), tls_[index]);
      co_await transport->handshake(options.header_timeout);
    } catch (const net::ConnectionLost& lost) {
      co_return log_connection(index, info, observe::Level::Info, lost.what(), " SSL handshaking");
    } catch (const async::TimedOut&) {
      co_return log_connection(index, info, observe::Level::Info, "client timed out", " SSL handshaking");
    }
    describe_tls(transport->facts(), info);
    session::Client client(std::move(transport), std::move(info), shared_.gate, idle_, counted, options);
    co_await client.run();
  }

  // Of a connection that has made no request yet; `doing` in nginx's words.
  void log_connection(std::size_t endpoint, const http::ConnectionInfo& info, observe::Level level,
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

  Shared& shared_;
  observe::LoopCounts& counts_;
  std::mutex loop_mutex_;
  async::Loop* loop_ = nullptr;  // null again when it has ended
  session::IdleConnections idle_;
  std::vector<std::shared_ptr<const tls::ServerHosts>> tls_;  // by endpoint
  std::thread thread_;
};

// The loop that accepts, and that the master talks to.
class Front {
 public:
  Front(Shared& shared, std::vector<NamedFd> listeners, Control& control, Renew renew)
      : shared_(shared),
        listeners_(std::move(listeners)),
        control_(control),
        renew_(std::move(renew)),
        accepting_(nullptr) {}

  int run(std::size_t loops) {
    for (std::size_t i = 0; i < loops; ++i) serving_.push_back(std::make_unique<ServingLoop>(shared_));
    const auto& endpoints = shared_.gate.hosts().endpoints();
    for (NamedFd& listener : listeners_) {
      for (std::size_t i = 0; i < endpoints.size(); ++i) {
        if (!endpoints[i].bound || endpoints[i].address.str() != listener.name) continue;
        loop_.spawn(accept_on(i, std::move(listener.fd)), &accepting_);
        break;
      }
    }
    if (!control_.ready().ok()) {
      stop();
    } else {
      loop_.spawn(follow_control());
    }
    loop_.stop_when_idle();
    loop_.run();
    joiner_.wait();
    return 0;
  }

 private:
  // Closes the socket when accepting ends: nobody may get into the queue of a worker that is leaving.
  async::Task<void> accept_on(std::size_t endpoint, Fd listener) {
    const auto take = [this, endpoint](Fd socket, const net::Address& peer) {
      serving_[next_++ % serving_.size()]->serve(endpoint, std::move(socket), peer);
    };
    const auto& log = shared_.settings.root.get<rules::ErrorLogSettings>().log;
    net::Acceptor acceptor(loop_, listener.get(), take, log.value_or(observe::ErrorLog()));
    co_await acceptor.run();
  }

  // Until all serving loops have ended, so that a Stop still counts while the last requests of a Quit are answered.
  async::Task<void> follow_control() {
    async::Pollable commands(loop_, control_.fd());
    while (!ended_) {
      while (const auto command = control_.next()) {
        if (*command == Control::Command::Quit) quit();
        if (*command == Control::Command::Stop) stop();
        if (*command == Control::Command::FilesChanged) renew();
      }
      if (!ended_) co_await commands.readable();
    }
  }

  void renew() {
    const std::shared_ptr<const gateway::VirtualHosts> hosts = renew_(control_.take_files());
    if (!hosts) return;
    for (const auto& serving : serving_) serving->renew_tls(hosts);
  }
  void quit() {
    accepting_.cancel();
    for (const auto& serving : serving_) serving->quit();
    await_end();
  }
  void stop() {
    accepting_.cancel();
    for (const auto& serving : serving_) serving->stop();
    await_end();
  }
  // Joins the serving loops on a thread of its own, and then ends this one.
  void await_end() {
    if (joiner_.valid()) return;
    joiner_ = std::async(std::launch::async, [this] {
      for (const auto& serving : serving_) serving->join();
      loop_.post([this] {
        ended_ = true;
        loop_.stop();
      });
    });
  }

  Shared& shared_;
  std::vector<NamedFd> listeners_;
  Control& control_;
  Renew renew_;
  async::Loop loop_;
  async::CancelScope accepting_;
  std::vector<std::unique_ptr<ServingLoop>> serving_;
  std::size_t next_ = 0;
  bool ended_ = false;
  std::future<void> joiner_;
};

}  // namespace

int serve_settings(const rules::Settings& settings, std::vector<NamedFd> listeners, std::size_t loops, Control& control,
                   observe::ConnectionCounts& connections, Renew renew) {
  Shared shared(settings, connections);
  for (const Endpoint& endpoint : shared.gate.hosts().endpoints()) {
    shared.client_options.push_back(options_of(endpoint));
  }
  Front front(shared, std::move(listeners), control, std::move(renew));
  return front.run(loops);
}

}  // namespace caisson::app
