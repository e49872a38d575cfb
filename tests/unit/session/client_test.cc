#include "session/client.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "async/join.h"
#include "async/loop.h"
#include "base/handle.h"
#include "base/text.h"
#include "net/socket.h"

using namespace caisson;
using namespace std::chrono_literals;

namespace {

using Answer = std::optional<http::Answer>;
using Serve = std::function<async::Task<void>(http::Exchange&)>;

class Handler final : public http::Handler {
 public:
  explicit Handler(Serve serve) : serve_(std::move(serve)) {}
  async::Task<Answer> handle(http::Exchange& exchange) override {
    ++requests;
    last_refusal = exchange.refused();
    if (exchange.refused() != 0) {
      http::ResponseHead head;
      head.status = http::status_on_wire(exchange.refused());
      co_await exchange.respond(std::move(head), "refused");
    } else {
      co_await serve_(exchange);
    }
    co_return std::nullopt;
  }
  int requests = 0;
  unsigned last_refusal = 0;

 private:
  Serve serve_;
};

// Answers with what the body was; reads all of it.
async::Task<void> echo(http::Exchange& exchange) {
  std::string body;
  for (;;) {
    const auto slice = co_await exchange.body().read();
    if (slice.empty()) break;
    body += text::view_of(slice);
  }
  http::ResponseHead head;
  co_await exchange.respond(std::move(head),
                            exchange.request().method + ' ' + exchange.request().target.path + ' ' + body);
}

async::Task<void> refuse_unread(http::Exchange& exchange) {
  http::ResponseHead head;
  head.status = 401;
  co_await exchange.respond(std::move(head), "who are you");
}

// A client connection served on a loop of its own, and the other end of it.
class World {
 public:
  explicit World(Serve serve) : handler(std::move(serve)) {
    int pair[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
    peer = std::make_unique<net::PlainTransport>(loop, Fd(pair[0]));
    client_ = std::make_unique<session::Client>(std::make_unique<net::PlainTransport>(loop, Fd(pair[1])),
                                                http::ConnectionInfo{}, handler, idle, counted, options);
  }

  // Runs the server's side and `talk` to their ends.
  void run(async::Task<void> talk) {
    loop.spawn(run_client(std::move(client_)));
    loop.spawn(std::move(talk));
    std::exception_ptr failure;
    loop.on_failure([&](std::exception_ptr error) { failure = error; });
    loop.stop_when_idle();
    loop.run();
    if (failure) std::rethrow_exception(failure);
  }

  // Sends all of it, and gives back all that comes until the server closes.
  std::string ask(std::string_view bytes) {
    std::string answer;
    run([](World& world, std::string_view out, std::string& in) -> async::Task<void> {
      co_await world.peer->write(text::bytes_of(out), 5s);
      co_await world.read_all(in);
      world.peer.reset();
    }(*this, bytes, answer));
    return answer;
  }

  async::Task<void> read_all(std::string& into) {
    std::array<std::byte, 4096> buffer;
    for (;;) {
      const std::size_t n = co_await peer->read(buffer, 5s);
      if (n == 0) co_return;
      into += text::view_of(std::span(buffer).first(n));
    }
  }
  // Reads until `mark` has come.
  async::Task<std::string> read_until(std::string_view mark) {
    std::string seen;
    std::array<std::byte, 1> buffer;
    while (seen.find(mark) == std::string::npos) {
      if (co_await peer->read(buffer, 5s) == 0) break;
      seen += static_cast<char>(buffer[0]);
    }
    co_return seen;
  }

  session::ClientOptions options;
  session::IdleConnections idle;
  observe::LoopCounts counts;
  observe::CountedConnection counted{counts};
  async::Loop loop;
  Handler handler;
  std::unique_ptr<net::PlainTransport> peer;

 private:
  // The connection closes when the client has ended, as in the server.
  static async::Task<void> run_client(std::unique_ptr<session::Client> client) { co_await client->run(); }

  std::unique_ptr<session::Client> client_;
};

std::size_t count(std::string_view text, std::string_view what) {
  std::size_t n = 0;
  for (std::size_t at = text.find(what); at != std::string_view::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

}  // namespace

TEST_CASE("pipelined requests are answered in order on one connection") {
  World world(echo);
  const std::string answer = world.ask(
      "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
      "POST /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
      "GET /c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  CHECK(world.handler.requests == 3);
  CHECK(answer.find("GET /a ") < answer.find("POST /b abc"));
  CHECK(answer.find("POST /b abc") < answer.find("GET /c "));
}

TEST_CASE("an unread body is drained after an early answer and never read as the next request") {
  World world([](http::Exchange& e) { return refuse_unread(e); });
  const std::string inner = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
  const std::string answer =
      world.ask("PATCH /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(inner.size()) + "\r\n\r\n" +
                inner + "GET /next HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  CHECK(world.handler.requests == 2);
  CHECK(count(answer, "HTTP/1.1 401") == 2);
}

TEST_CASE("a client that keeps the rest of an unwanted body back is waited for as long as lingering_timeout says") {
  World world([](http::Exchange& e) -> async::Task<void> {
    e.policy().linger_idle = 20ms;
    co_await refuse_unread(e);
  });
  const std::string answer =
      world.ask("PATCH /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: 10485760\r\n\r\n" + std::string(100, 'x'));
  CHECK(world.handler.requests == 1);
  CHECK(answer.find("Connection: keep-alive") != std::string::npos);
}

TEST_CASE("an unwanted body that trickles in is taken for lingering_time at most") {
  World world([](http::Exchange& e) -> async::Task<void> {
    e.policy().linger_in_all = 50ms;
    co_await refuse_unread(e);
  });
  bool closed = false;
  world.run([](World& w, bool& ended) -> async::Task<void> {
    co_await w.peer->write(text::bytes_of("PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"), 5s);
    co_await w.read_until("who are you");
    for (int i = 0; i < 1000 && !ended; ++i) {
      try {
        co_await w.peer->write(text::bytes_of("x"), 5s);
        co_await w.loop.sleep_for(5ms);
      } catch (const net::ConnectionLost&) {
        ended = true;
      }
    }
  }(world, closed));
  CHECK(closed);
}

TEST_CASE("discarding a body takes what came and tells that its chunks are broken") {
  for (const bool broken : {false, true}) {
    bool whole = false;
    World world([&whole](http::Exchange& e) -> async::Task<void> {
      whole = co_await e.discard_body(false);
      co_await refuse_unread(e);
    });
    world.ask(std::string("PUT /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n") +
              (broken ? "X\r\n" : "1\r\nx\r\n0\r\n\r\n"));
    CHECK(whole == !broken);
  }
}

TEST_CASE("an answer that takes the body away says 100 Continue first, as nginx's return does") {
  World world([](http::Exchange& e) -> async::Task<void> {
    co_await e.discard_body(true);
    co_await refuse_unread(e);
  });
  const std::string answer = world.ask(
      "PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\nhi");
  CHECK(answer.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 401"));
}

TEST_CASE("limit_rate lets a second's worth go at once and the rest at its pace") {
  World world([](http::Exchange& e) -> async::Task<void> {
    e.policy().rate = 1000;
    e.policy().unlimited_bytes = 500;
    http::ResponseHead head;
    co_await e.respond(std::move(head), std::string(2000, 'x'));
  });
  const auto began = std::chrono::steady_clock::now();
  const std::string answer = world.ask("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  CHECK(count(answer, "x") >= 2000);
  const auto took = std::chrono::steady_clock::now() - began;
  CHECK(took >= 900ms);
  CHECK(took < 4s);
}

TEST_CASE("100 Continue is said when the body is read, and not when the answer is a refusal") {
  World reading(echo);
  std::string seen;
  reading.run([](World& world, std::string& log) -> async::Task<void> {
    co_await world.peer->write(
        text::bytes_of(
            "PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"),
        5s);
    log = co_await world.read_until("\r\n\r\n");
    co_await world.peer->write(text::bytes_of("hi"), 5s);
    co_await world.read_all(log);
    world.peer.reset();
  }(reading, seen));
  CHECK(seen.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200"));
  CHECK(seen.ends_with("PUT /x hi"));

  World refusing([](http::Exchange& e) { return refuse_unread(e); });
  const std::string answer = refusing.ask(
      "PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nhi"
      "GET /next HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  CHECK(answer.starts_with("HTTP/1.1 401"));
  CHECK(count(answer, " 100 ") == 0);
  CHECK(refusing.handler.requests == 2);
}

TEST_CASE("a broken head is answered once with its status and the connection closes") {
  for (const std::string_view bad :
       {"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", "\x16\x03\x01\x02"}) {
    World world(echo);
    const std::string answer = world.ask(std::string(bad) + "GET /second HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(world.handler.last_refusal == 400);
    CHECK(count(answer, "HTTP/1.1 ") == 1);
  }
}

TEST_CASE("a response that its handler leaves unfinished breaks the connection off") {
  World world([](http::Exchange& e) -> async::Task<void> {
    http::ResponseHead head;
    head.headers.set("Content-Length", "10");
    http::BodyWriter* writer = co_await e.respond_head(std::move(head));
    co_await writer->write(text::bytes_of("half"));
  });
  std::string answer;
  bool lost = false;
  world.run([](World& w, std::string& in, bool& reset) -> async::Task<void> {
    co_await w.peer->write(text::bytes_of("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), 5s);
    try {
      co_await w.read_all(in);
    } catch (const net::ConnectionLost&) {
      reset = true;
    }
    w.peer.reset();
  }(world, answer, lost));
  CHECK(answer.find("half") != std::string::npos);
  CHECK(count(answer, "HTTP/1.1 ") == 1);
}

TEST_CASE("a streamed response goes out in chunks as it is written") {
  World world([](http::Exchange& e) -> async::Task<void> {
    http::ResponseHead head;
    http::BodyWriter* writer = co_await e.respond_head(std::move(head));
    co_await writer->write(text::bytes_of("ab"));
    co_await writer->write(text::bytes_of("cde"));
    co_await writer->finish();
  });
  const std::string answer = world.ask("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  CHECK(answer.find("Transfer-Encoding: chunked") != std::string::npos);
  CHECK(answer.ends_with("\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n"));
}

TEST_CASE("a client that leaves while its answer is being made cancels the work") {
  bool cancelled = false;
  World world([&cancelled](http::Exchange&) -> async::Task<void> {
    return [](bool& seen) -> async::Task<void> {
      try {
        co_await async::Loop::current().sleep_for(1h);
      } catch (const async::Cancelled&) {
        seen = true;
        throw;
      }
    }(cancelled);
  });
  world.run([](World& w) -> async::Task<void> {
    co_await w.peer->write(text::bytes_of("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), 5s);
    while (w.handler.requests == 0) co_await async::Loop::current().sleep_for(1ms);
    w.peer.reset();
  }(world));
  CHECK(cancelled);
}

TEST_CASE("draining ends connections that wait and lets the one in hand finish") {
  World world(echo);
  std::string answer;
  world.run([](World& w, std::string& in) -> async::Task<void> {
    co_await w.peer->write(text::bytes_of("GET /a HTTP/1.1\r\nHost: x\r\n\r\n"), 5s);
    in = co_await w.read_until("GET /a ");
    w.idle.drain();
    co_await w.read_all(in);
    w.peer.reset();
  }(world, answer));
  CHECK(count(answer, "HTTP/1.1 200") == 1);
}

TEST_CASE("a client that leaves after its body was taken cancels the work") {
  bool cancelled = false;
  World world([&cancelled](http::Exchange& exchange) -> async::Task<void> {
    return [](http::Exchange& e, bool& seen) -> async::Task<void> {
      while (!(co_await e.body().read()).empty()) continue;
      try {
        co_await async::Loop::current().sleep_for(1h);
      } catch (const async::Cancelled&) {
        seen = true;
        throw;
      }
    }(exchange, cancelled);
  });
  world.run([](World& w) -> async::Task<void> {
    co_await w.peer->write(text::bytes_of("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"), 5s);
    while (w.handler.requests == 0) co_await async::Loop::current().sleep_for(1ms);
    w.peer.reset();
  }(world));
  CHECK(cancelled);
}

TEST_CASE("broken chunks in a body that nobody wanted end the connection in order, and are no failure of ours") {
  World world([](http::Exchange& e) { return refuse_unread(e); });
  const std::string answer = world.ask(
      "PATCH /v2/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
      "GET /second HTTP/1.1\r\nHost: x\r\n\r\n");  // run() throws what escapes the client
  CHECK(world.handler.requests == 1);
  CHECK(count(answer, "HTTP/1.1 401") == 1);
}

TEST_CASE("draining answers a connection that has not asked yet") {
  World world(echo);
  std::string answer;
  world.run([](World& w, std::string& in) -> async::Task<void> {
    co_await async::Loop::current().sleep_for(1ms);  // the server's side waits for the first request
    w.idle.drain();
    co_await w.peer->write(text::bytes_of("GET /a HTTP/1.1\r\nHost: x\r\n\r\n"), 5s);
    co_await w.read_all(in);
    w.peer.reset();
  }(world, answer));
  CHECK(count(answer, "HTTP/1.1 200") == 1);
  CHECK(count(answer, "Connection: close") == 1);
}

TEST_CASE("what a client sends just before it closes its side reaches the end of an upgraded connection") {
  std::string heard;
  World world([&heard](http::Exchange& exchange) -> async::Task<void> {
    return [](http::Exchange& e, std::string& in) -> async::Task<void> {
      http::ResponseHead head;
      head.status = 101;
      head.headers.set("Upgrade", "echo");
      http::BodyWriter* writer = co_await e.respond_head(std::move(head));
      co_await writer->flush();
      co_await async::Loop::current().sleep_for(5ms);  // the words and the close are both there by now
      for (;;) {
        const auto slice = co_await e.body().read();
        if (slice.empty()) break;
        in += text::view_of(slice);
      }
      co_await writer->finish();
    }(exchange, heard);
  });
  world.run([](World& w) -> async::Task<void> {
    co_await w.peer->write(text::bytes_of("GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n"),
                           5s);
    co_await w.read_until("\r\n\r\n");
    co_await w.peer->write(text::bytes_of("last words"), 5s);
    co_await w.peer->shutdown(5s);
    std::string rest;
    co_await w.read_all(rest);
    w.peer.reset();
  }(world));
  CHECK(heard == "last words");
}

TEST_CASE("a stop that begins while a request is served is told with its answer") {
  // A push that a reload met was told "keep-alive" for its PATCH, and had its PUT cut off.
  World* stopping = nullptr;
  World world([&stopping](http::Exchange& exchange) {
    stopping->idle.drain();
    return echo(exchange);
  });
  stopping = &world;
  const std::string answer = world.ask("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(count(answer, "HTTP/1.1 200") == 1);
  CHECK(count(answer, "Connection: close") == 1);
}
