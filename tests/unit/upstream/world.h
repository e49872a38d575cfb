// What the tests of upstream/ share: backends on loopback that speak raw bytes, and a gate over a configuration whose
// clients are in memory.
#pragma once

#include <doctest/doctest.h>
#include <sys/mman.h>

#include <array>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "async/join.h"
#include "async/loop.h"
#include "async/pool.h"
#include "base/text.h"
#include "gateway/gateway.h"
#include "net/listener.h"
#include "net/socket.h"
#include "observe/error_log.h"
#include "rules/loader.h"
#include "rules/request_log.h"
#include "unit/async/run.h"
#include "upstream/module.h"

namespace upstream_test {

using namespace caisson;
using namespace std::chrono_literals;
using async::Task;

inline constexpr auto patience = 10s;

// Runs one task on a loop of its own to its end; what it throws comes out.
template <class MakeTask>
void run(MakeTask make_task) {
  async_test::run([&](async::Loop&) { return async::with_deadline(patience, make_task()); });
}

// One connection as a backend sees it.
class BackendSide {
 public:
  explicit BackendSide(std::unique_ptr<net::Transport> transport) : transport_(std::move(transport)) {}

  // Everything up to and including `end`.
  Task<std::string> until(std::string_view end) {
    while (seen_.find(end) == std::string::npos) {
      if (!co_await more()) throw std::runtime_error("the proxy closed the connection after: " + seen_);
    }
    const std::size_t length = seen_.find(end) + end.size();
    std::string taken = seen_.substr(0, length);
    seen_.erase(0, length);
    co_return taken;
  }
  Task<std::string> head() { return until("\r\n\r\n"); }
  Task<std::string> exactly(std::size_t length) {
    while (seen_.size() < length) {
      if (!co_await more()) throw std::runtime_error("the proxy closed the connection after: " + seen_);
    }
    std::string taken = seen_.substr(0, length);
    seen_.erase(0, length);
    co_return taken;
  }
  // What else comes before the proxy closes the connection.
  Task<std::string> rest() {
    bool going_on = true;
    while (going_on) going_on = co_await more();
    co_return std::exchange(seen_, {});
  }
  Task<void> say(std::string_view text) { co_await transport_->write(text::bytes_of(text), patience); }
  // The head of the next request, to which it says this.
  Task<std::string> answer(std::string_view text) {
    std::string asked = co_await head();
    co_await say(text);
    co_return asked;
  }
  net::Transport& transport() { return *transport_; }

 private:
  Task<bool> more() {
    std::array<std::byte, 4096> buffer;
    std::size_t n = 0;
    try {
      n = co_await transport_->read(buffer, patience);
    } catch (const net::ConnectionLost&) {
    }
    seen_ += text::view_of(std::span(buffer).first(n));
    co_return n > 0;
  }
  std::unique_ptr<net::Transport> transport_;
  std::string seen_;
};

using Side = std::unique_ptr<BackendSide>;

// A whole response.
inline const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

// A listening socket on a port of its own.
class Backend {
 public:
  Backend() {
    auto listening = net::open_listener(*net::Address::from_ip("127.0.0.1", 0), {});
    REQUIRE(listening.ok());
    fd_ = std::move(listening).value();
  }
  Task<Fd> accept_socket() {
    async::Pollable poll(async::Loop::current(), fd_.get());
    for (;;) {
      Fd taken(::accept4(fd_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (taken) co_return std::move(taken);
      co_await poll.readable(patience);
    }
  }
  Task<Side> accept() {
    Fd taken = co_await accept_socket();
    auto plain = std::make_unique<net::PlainTransport>(async::Loop::current(), std::move(taken));
    co_return std::make_unique<BackendSide>(std::move(plain));
  }
  // Whether somebody has connected who was not accepted yet.
  bool nobody_waits() { return !Fd(::accept4(fd_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)); }
  std::string port() const { return std::to_string(net::local_address(fd_.get()).port()); }
  std::string address() const { return "127.0.0.1:" + port(); }
  void close() { fd_.reset(); }

 private:
  Fd fd_;
};

// A request body that the test feeds while it is being sent on.
class FedBody final : public http::BodyReader {
 public:
  explicit FedBody(http::BodySize size) : size_(size) {}

  void feed(std::string slice) {
    waiting_.push_back(std::move(slice));
    more_.set();
  }
  void end() { feed({}); }
  void fail(std::exception_ptr error) {
    error_ = std::move(error);
    more_.set();
  }
  bool asked() const noexcept { return asked_; }

  http::BodySize size() const noexcept override { return size_; }
  Task<std::span<const std::byte>> read() override {
    asked_ = true;
    while (waiting_.empty()) {
      if (error_) std::rethrow_exception(error_);
      more_.reset();
      co_await more_.wait();
    }
    current_ = waiting_.front();
    if (!current_.empty()) waiting_.pop_front();
    co_return text::bytes_of(current_);
  }

 private:
  http::BodySize size_;
  std::deque<std::string> waiting_;
  std::string current_;
  std::exception_ptr error_;
  async::Signal more_;
  bool asked_ = false;
};

// What a client got.
class Client final : public http::Responder, private http::BodyWriter {
 public:
  Client() { room_.set(); }

  http::ResponseHead head;
  std::string text;
  bool started = false;
  bool finished = false;
  bool upgradable = false;

  std::string header(std::string_view name) const { return head.headers.joined(name).value_or("(none)"); }
  Task<void> has_head() {
    while (!started) co_await change();
  }
  // Waits until so many bytes of the body have come.
  Task<void> has(std::size_t bytes) {
    while (text.size() < bytes) co_await change();
  }
  // Takes no more bytes until resume().
  void stop() { room_.reset(); }
  void resume() { room_.set(); }

  Task<void> inform(const http::ResponseHead&) override { co_return; }
  Task<void> start(http::ResponseHead sent) override {
    head = std::move(sent);
    started = true;
    changed_.set();
    co_return;
  }
  http::BodyWriter& body() override { return *this; }
  bool can_upgrade() const noexcept override { return upgradable; }

 private:
  Task<void> change() {
    changed_.reset();
    co_await changed_.wait();
  }
  Task<void> write(std::span<const std::byte> slice) override {
    co_await room_.wait();
    text += text::view_of(slice);
    changed_.set();
  }
  Task<void> flush() override { co_return; }
  Task<void> finish() override {
    finished = true;
    changed_.set();
    co_return;
  }

  async::Signal room_;
  async::Signal changed_;
};

struct Request {
  std::string method = "GET";
  std::string target = "/v2/";
  http::Headers headers{{"Host", "registry.example:5043"}};
  bool tls = true;
};

inline Request get(std::string target) { return {"GET", std::move(target)}; }
inline Request patch() { return {"PATCH", "/v2/app/blobs/uploads/1"}; }

// A gate over a configuration.
class World {
 public:
  // `http` is the inside of the http block.
  explicit World(const std::string& http, void (*more)(rules::Language&) = nullptr, const config::Files& files = {})
      : log_file_(std::make_shared<observe::LogFile>("", Fd(::memfd_create("log", MFD_CLOEXEC)))),
        source_(with(files, {"/etc/test.conf", "http {\nclient_max_body_size 0;\n" + http + "\n}\n"})),
        names_(1, 16) {
    gateway::describe(language_);
    upstream::describe(language_);
    if (more != nullptr) more(language_);
    language_.add_finish(&World::log_all);
    logging_ = observe::ErrorLog({{log_file_, observe::Level::Debug}});
    log_in_force = &logging_;
    rules::Services services;
    services.names = &names_;
    rules::Loader loader(language_, source_, {"/prefix/", "/etc/", "stderr"}, services);
    auto loaded = loader.load(config::parse(source_, "/etc/test.conf"));
    for (const Error& error : loaded.errors) errors += error.what + '\n';
    for (const std::string& warning : loaded.warnings) warnings += warning + '\n';
    settings_ = std::move(loaded.settings);
    if (settings_) gate_.emplace(*settings_);
  }
  // One server with one location around `directives`.
  static std::string location(const std::string& path, const std::string& directives) {
    return "server { location " + path + " { " + directives + " } }";
  }

  Task<void> ask(Request request, http::BodyReader& body, Client& client) {
    REQUIRE_MESSAGE(settings_ != nullptr, errors);
    http::RequestHead head;
    head.method = request.method;
    head.target = http::parse_target(request.target).value();
    head.headers = request.headers;
    head.body = body.size();
    head.line = request.method + ' ' + request.target + " HTTP/1.1";
    http::ConnectionInfo info;
    info.serial = 1;
    info.client_address = "192.0.2.1";
    info.server_address = "127.0.0.1";
    info.server_port = 80;
    info.tls = request.tls;
    const std::string host = request.headers.joined("Host").value_or("");
    http::Exchange exchange(std::move(head), body, client, info);
    exchange.set_client_host(host);
    co_await gate_->handle(exchange);
  }
  Task<void> ask(Request request, Client& client) {
    http::EmptyBody none;
    co_await ask(std::move(request), none, client);
  }

  std::string log() const {
    std::string text(64 * 1024, '\0');
    const ssize_t n = ::pread(log_file_->descriptor(), text.data(), text.size(), 0);
    text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return text;
  }

  std::string errors;
  std::string warnings;

 private:
  static config::Files with(config::Files files, std::pair<std::string, std::string> one) {
    files.push_back(std::move(one));
    return files;
  }
  // Overrides what error_log says, at every level.
  static inline thread_local const observe::ErrorLog* log_in_force = nullptr;
  static Result<void> log_all(rules::Loader& loader, rules::Level& level) {
    level.own<rules::ErrorLogSettings>().log = *log_in_force;
    for (const auto& inner : level.inner()) {
      if (Result<void> done = log_all(loader, *inner); !done.ok()) return done;
    }
    return {};
  }

  std::shared_ptr<observe::LogFile> log_file_;
  observe::ErrorLog logging_;
  config::MemorySource source_;
  async::BlockingPool names_;
  rules::Language language_;
  std::unique_ptr<rules::Settings> settings_;
  std::optional<gateway::Gateway> gate_;
};

// A gate before the backend, in one location.
inline std::string through(const Backend& backend, const std::string& more = "") {
  return World::location("/v2/", more + "proxy_pass http://" + backend.address() + ";");
}

// Runs `ask` while `serve` plays the backend, on the one connection that it gets.
template <class Ask, class Serve>
void talk(Backend& backend, Ask ask, Serve serve) {
  run([&]() -> Task<void> {
    auto serving = [&]() -> Task<void> {
      Side side = co_await backend.accept();
      co_await serve(side);
    };
    co_await async::both(std::move(ask), serving());
  });
}

}  // namespace upstream_test
