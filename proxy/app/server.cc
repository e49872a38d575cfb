#include "app/server.h"

#include <functional>
#include <future>
#include <memory>
#include <utility>

#include "app/serving_loop.h"
#include "async/loop.h"
#include "net/listener.h"
#include "rules/request_log.h"

namespace caisson::app {

namespace {

using gateway::Endpoint;
using namespace std::chrono_literals;

// Who finds all places taken waits so long for one, and no more than so many do.
constexpr auto longest_wait_for_room = 100ms;
constexpr auto look_for_room_every = 5ms;
constexpr std::size_t most_waiting_for_room = 16;

// The loop that accepts, and that the master talks to.
class Front {
 public:
  Front(Shared& shared, ServerParts& parts)
      : shared_(shared),
        log_(shared.settings.root.get<rules::ErrorLogSettings>().log.value_or(observe::ErrorLog())),
        listeners_(std::move(parts.listeners)),
        control_(parts.control),
        logs_(parts.logs),
        renew_(std::move(parts.renew)),
        accepting_(nullptr) {}

  int run(std::size_t loops) {
    for (std::size_t i = 0; i < loops; ++i) serving_.push_back(std::make_unique<ServingLoop>(shared_));
    const auto& endpoints = shared_.gate.hosts().endpoints();
    for (NamedFd& listener : listeners_) {
      for (std::size_t i = 0; i < endpoints.size(); ++i) {
        if (!endpoints[i].bound || endpoints[i].address.str() != listener.name) continue;
        loop_.spawn(accept_on(i, std::move(listener.fd), Source(*this)), &accepting_);
        break;
      }
    }
    if (!control_.ready().ok()) {
      stop();
    } else {
      loop_.spawn(follow_control());
      loop_.spawn(flush_logs());
    }
    loop_.stop_when_idle();
    loop_.run();
    joiner_.wait();
    return 0;
  }

 private:
  // Something that clients may still come from, as long as this lives. The serving loops quit after the last of them:
  // who was accepted in the very moment of a Quit is answered, too.
  class Source {
   public:
    explicit Source(Front& of) : of_(&of) { ++of.sources_; }
    Source(Source&& other) noexcept : of_(std::exchange(other.of_, nullptr)) {}
    Source& operator=(Source&&) = delete;
    Source(const Source&) = delete;
    Source& operator=(const Source&) = delete;
    ~Source() {
      if (of_ != nullptr && --of_->sources_ == 0 && of_->quitting_) of_->loop_.post([of = of_] { of->quit_loops(); });
    }

   private:
    Front* of_;
  };

  // Closes the socket when accepting ends: nobody may get into the queue of a worker that is leaving.
  async::Task<void> accept_on(std::size_t endpoint, Fd listener, Source) {
    const auto take = [this, endpoint](Fd socket, const net::Address& peer) {
      if (auto slot = shared_.slots.admit()) {
        deal({endpoint, std::move(socket), peer, std::move(*slot)});
      } else if (waiting_for_room_ < most_waiting_for_room) {
        loop_.spawn(wait_for_room(endpoint, std::move(socket), peer, Source(*this)));
      } else {
        turn_away();
      }
    };
    net::Acceptor acceptor(loop_, listener.get(), take, log_);
    co_await acceptor.run();
  }

  void deal(Accepted client) { serving_[next_++ % serving_.size()]->serve(std::move(client)); }

  // ngx_get_connection, ngx_drain_connections: connections that wait for a request give their places to new ones. Where
  // all are busy, the new one is closed.
  async::Task<void> wait_for_room(std::size_t endpoint, Fd socket, net::Address peer, Source) {
    ++waiting_for_room_;
    for (auto waited = 0ms; waited < longest_wait_for_room; waited += look_for_room_every) {
      complain(observe::Level::Warn, reusing_told_, " worker_connections are not enough, reusing connections");
      serving_[next_to_close_++ % serving_.size()]->close_one_idle();
      co_await loop_.sleep_for(look_for_room_every);
      if (auto slot = shared_.slots.admit()) {
        --waiting_for_room_;
        co_return deal({endpoint, std::move(socket), peer, std::move(*slot)});
      }
    }
    --waiting_for_room_;
    turn_away();
  }

  void turn_away() {
    shared_.connections.turn_away();
    complain(observe::Level::Alert, shortage_told_, " worker_connections are not enough");
  }

  // At most once a second.
  void complain(observe::Level level, std::chrono::steady_clock::time_point& told, std::string_view what) {
    if (loop_.now() - told < 1s) return;
    told = loop_.now();
    log_.write(level, std::to_string(shared_.slots.most()) + std::string(what));
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

  // flush= of access_log. The last lines are written when the settings go.
  async::Task<void> flush_logs() {
    while (const auto next = logs_.flush_due(std::chrono::steady_clock::now())) {
      const auto wait = std::chrono::ceil<std::chrono::milliseconds>(*next - std::chrono::steady_clock::now());
      co_await loop_.sleep_for(std::max(wait, 1ms));
    }
  }

  void renew() {
    const std::shared_ptr<const gateway::VirtualHosts> hosts = renew_(control_.take_files());
    if (!hosts) return;
    for (const auto& serving : serving_) serving->renew_tls(hosts);
  }
  void quit() {
    quitting_ = true;
    accepting_.cancel();
    if (sources_ == 0) quit_loops();
  }
  void quit_loops() {
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
  const observe::ErrorLog log_;
  std::vector<NamedFd> listeners_;
  Control& control_;
  const observe::LogFiles& logs_;
  Renew renew_;
  async::Loop loop_;
  async::CancelScope accepting_;
  std::vector<std::unique_ptr<ServingLoop>> serving_;
  std::size_t next_ = 0;
  std::size_t next_to_close_ = 0;
  std::size_t waiting_for_room_ = 0;
  std::chrono::steady_clock::time_point reusing_told_;
  std::chrono::steady_clock::time_point shortage_told_;
  std::size_t sources_ = 0;
  bool quitting_ = false;
  bool ended_ = false;
  std::future<void> joiner_;
};

}  // namespace

int serve_settings(ServerParts parts) {
  Shared shared(parts.settings, parts.connections, parts.slots);
  Front front(shared, parts);
  return front.run(parts.loops);
}

}  // namespace caisson::app
