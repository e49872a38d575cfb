#include "tls/transport.h"

#include <doctest/doctest.h>
#include <openssl/evp.h>

#include <array>
#include <string>
#include <vector>

#include "async/buffer.h"
#include "base/text.h"
#include "unit/async/peer_closes.h"
#include "unit/tls/raw_client.h"
#include "unit/tls/tls_fixture.h"

using namespace caisson;
using caisson::async_test::peer_closes;
using namespace caisson::tls_test;

namespace {

// SHA-256 as bytes come.
class Digest {
 public:
  Digest() : context_(EVP_MD_CTX_new()) { EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr); }
  void add(std::span<const std::byte> bytes) { EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()); }
  std::string hex() {
    std::array<unsigned char, 32> value{};
    EVP_DigestFinal_ex(context_.get(), value.data(), nullptr);
    return text::to_hex(std::as_bytes(std::span(value)));
  }

 private:
  std::unique_ptr<EVP_MD_CTX, FreeWith<&EVP_MD_CTX_free>> context_;
};

// Bytes without a period that buffers could hide, in pieces of changing sizes.
Task<std::string> send_much(net::Transport& to, std::size_t total) {
  Digest digest;
  std::vector<std::byte> bytes(700'000);
  std::uint32_t state = 1;
  for (std::size_t sent = 0, turn = 0; sent < total; ++turn) {
    for (std::byte& b : bytes) {
      state = state * 1664525 + 1013904223;
      b = static_cast<std::byte>(state >> 24);
    }
    const std::size_t n = std::min({total - sent, bytes.size(), turn * 997 % 700'000 + 1});
    const std::span<const std::byte> all = std::span(bytes).first(n);
    const std::array pieces{all.first(n / 3), all.subspan(n / 3)};
    co_await to.write(pieces, 10s);
    digest.add(all);
    sent += n;
  }
  co_await to.shutdown(10s);
  co_return digest.hex();
}

Task<std::string> take_all(net::Transport& from) {
  Digest digest;
  std::vector<std::byte> buffer(64 * 1024);
  for (;;) {
    const std::size_t n = co_await from.read(buffer, 10s);
    if (n == 0) co_return digest.hex();
    digest.add(std::span(buffer).first(n));
  }
}

Task<std::string> read_text(net::Transport& from, std::size_t size) {
  std::vector<std::byte> buffer(size);
  std::size_t got = 0;
  while (got < size) {
    const std::size_t n = co_await from.read(std::span(buffer).subspan(got), 10s);
    if (n == 0) break;
    got += n;
  }
  co_return std::string(text::view_of(std::span(buffer).first(got)));
}

// What the task throws of a broken connection, as text.
Task<std::string> loss_of(Task<void> task) {
  try {
    co_await task;
  } catch (const net::ConnectionLost& lost) {
    co_return lost.what();
  }
  co_return "nothing lost";
}

Task<void> read_once(net::Transport& from) {
  std::array<std::byte, 64> buffer;
  (void)co_await from.read(buffer, 10s);
}

}  // namespace

TEST_CASE("64 MiB go through TLS in both directions at once, and none of it changes") {
  run([](Loop& loop) -> Task<void> {
    constexpr std::size_t much = 64 * 1024 * 1024;
    Connection c = co_await connected(loop);
    auto digests = co_await both(both(send_much(*c.client, much), take_all(*c.client)),
                                 both(send_much(*c.server, much), take_all(*c.server)));
    CHECK(digests.first.first == digests.second.second);
    CHECK(digests.second.first == digests.first.second);
  });
}

TEST_CASE("both sides know what was agreed on") {
  run([](Loop& loop) -> Task<void> {
    const Connection c = co_await connected(loop);
    CHECK(c.server->facts().protocol == "TLSv1.3");
    CHECK(c.server->facts().cipher == "TLS_AES_256_GCM_SHA384");
    CHECK(c.server->facts().server_name == "registry.test");
    CHECK_FALSE(c.server->facts().session_reused);
    CHECK(c.client->facts().protocol == "TLSv1.3");
  });
}

TEST_CASE("small pieces travel together in one record") {
  run([](Loop& loop) -> Task<void> {
    auto [client_fd, server_fd] = tcp_pair();
    TlsTransport server(loop, std::move(server_fd), only_host(host_parameters("registry.test")));
    RawClient client(loop, std::move(client_fd), TLS1_3_VERSION, "registry.test");
    co_await both(client.handshake(), server.handshake(10s));
    const std::array pieces{text::bytes_of("HTTP/1.1 200 OK\r\n\r\n"), text::bytes_of(""), text::bytes_of("{}")};
    co_await server.write(pieces, 10s);
    CHECK(co_await client.read_some() == "HTTP/1.1 200 OK\r\n\r\n{}");
  });
}

TEST_CASE("a close_notify is the end of the stream, and only this side of it") {
  run([](Loop& loop) -> Task<void> {
    Connection c = co_await connected(loop);
    co_await c.client->write(text::bytes_of("last words"), 10s);
    co_await c.client->shutdown(10s);
    CHECK(co_await read_text(*c.server, 100) == "last words");
    std::array<std::byte, 16> buffer;
    CHECK(co_await c.server->read(buffer, 10s) == 0);
    co_await c.server->wait_readable(10s);  // the end stays there to be read
    co_await peer_closes(*c.server);
    co_await c.server->write(text::bytes_of("an answer"), 10s);
    CHECK(co_await read_text(*c.client, 9) == "an answer");
  });
}

TEST_CASE("a stream that is cut off without close_notify is lost, not ended") {
  run([](Loop& loop) -> Task<void> {
    Connection c = co_await connected(loop);
    co_await c.server->write(text::bytes_of("x"), 10s);
    CHECK(co_await read_text(*c.client, 1) == "x");  // closing with unread bytes would be a reset
    co_await c.client->write(text::bytes_of("half a bo"), 10s);
    c.client.reset();
    CHECK(co_await read_text(*c.server, 9) == "half a bo");
    CHECK(co_await loss_of(read_once(*c.server)) == "peer closed connection without close_notify");
    CHECK(co_await loss_of(read_once(*c.server)) == "peer closed connection without close_notify");
  });
}

TEST_CASE("bytes that are changed on the way are lost, not taken") {
  run([](Loop& loop) -> Task<void> {
    auto [client_fd, server_fd] = tcp_pair();
    TlsTransport server(loop, std::move(server_fd), only_host(host_parameters("registry.test")));
    RawClient client(loop, std::move(client_fd), TLS1_3_VERSION, "registry.test");
    co_await both(client.handshake(), server.handshake(10s));
    client.send_by([](net::Transport& to, std::string bytes) -> Task<void> {
      bytes.back() ^= 1;
      co_await to.write(text::bytes_of(bytes), 10s);
    });
    co_await client.write("hello");
    const std::string lost = co_await loss_of(read_once(server));
    CHECK(lost.find("bad record mac") != std::string::npos);
  });
}

TEST_CASE("a ClientHello in single bytes, as segments and as records, gets the host that it names") {
  const auto in_single_bytes = [](net::Transport& to, std::string bytes) -> Task<void> {
    for (const char& byte : bytes) co_await to.write(text::bytes_of(std::string_view(&byte, 1)), 10s);
  };
  // Cuts the payload of each handshake record into records of one byte, up to where encryption begins.
  const auto in_single_byte_records = [](net::Transport& to, std::string bytes) -> Task<void> {
    std::string cut;
    bool encrypted = false;
    for (std::size_t at = 0; at < bytes.size();) {
      const auto byte_at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
      const std::size_t size = static_cast<std::size_t>(byte_at(at + 3)) << 8 | byte_at(at + 4);
      encrypted |= byte_at(at) != SSL3_RT_HANDSHAKE;
      if (encrypted) {
        cut += bytes.substr(at, 5 + size);
      } else {
        for (std::size_t i = 0; i < size; ++i) {
          cut.append(bytes, at, 3).append({'\0', '\1'});
          cut += bytes[at + 5 + i];
        }
      }
      at += 5 + size;
    }
    co_await to.write(text::bytes_of(cut), 10s);
  };
  for (const RawClient::Send& send : {RawClient::Send(in_single_bytes), RawClient::Send(in_single_byte_records)}) {
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
      CAPTURE(version);
      run([&](Loop& loop) -> Task<void> {
        return [](Loop& l, const RawClient::Send& how, int v) -> Task<void> {
          auto [client_fd, server_fd] = tcp_pair();
          net::set_no_delay(client_fd.get());
          TlsTransport server(l, std::move(server_fd),
                              hosts_by_name({host_parameters("default.test"), host_parameters("registry.test")}));
          RawClient client(l, std::move(client_fd), v, "Registry.TEST");
          client.send_by(how);
          co_await both(client.handshake(), server.handshake(10s));
          CHECK(client.peer_common_name() == "registry.test");
          CHECK(server.facts().server_name == "Registry.TEST");
        }(loop, send, version);
      });
    }
  }
}

TEST_CASE("a handshake has one deadline, however busily the peer dribbles") {
  run([](Loop& loop) -> Task<void> {
    auto [client_fd, server_fd] = tcp_pair();
    TlsTransport server(loop, std::move(server_fd), only_host(host_parameters("registry.test")));
    net::PlainTransport client(loop, std::move(client_fd));
    const auto dribble = [](Loop& l, net::Transport& to) -> Task<void> {
      // The beginning of a record that promises 16 KiB.
      co_await to.write(text::bytes_of(std::string_view("\x16\x03\x01\x40\x00\x01\x00\x3f\xfc", 9)), 10s);
      for (;;) {
        co_await to.write(text::bytes_of("x"), 10s);
        co_await l.sleep_for(2ms);
      }
    };
    bool timed_out = false;
    try {
      co_await async::any(server.handshake(40ms), dribble(loop, client));
    } catch (const async::TimedOut&) {
      timed_out = true;
    }
    CHECK(timed_out);
  });
}

TEST_CASE("a handshake ends when it is cancelled, when the peer leaves, and when it sends nonsense") {
  run([](Loop& loop) -> Task<void> {
    const auto hosts = only_host(host_parameters("registry.test"));
    auto silent = tcp_pair();
    TlsTransport waiting(loop, std::move(silent.second), hosts);
    const auto outcome = co_await async::any(waiting.handshake(10s), loop.sleep_for(1ms));
    CHECK(outcome.index() == 1);

    auto gone = tcp_pair();
    gone.first.reset();
    TlsTransport left(loop, std::move(gone.second), hosts);
    CHECK(co_await loss_of(left.handshake(10s)) == "peer closed connection in SSL handshake");

    auto babbling = tcp_pair();
    net::PlainTransport babbler(loop, std::move(babbling.first));
    co_await babbler.write(text::bytes_of(std::string_view("\x16\x03\x01\x00\x05hello", 10)), 10s);
    TlsTransport puzzled(loop, std::move(babbling.second), hosts);
    CHECK((co_await loss_of(puzzled.handshake(10s))).starts_with("SSL_do_handshake() failed (SSL: error:"));
    CHECK((co_await read_text(babbler, 1)) == "\x15");  // an alert tells the peer
  });
}

TEST_CASE("plain HTTP on a TLS port is told apart, and nothing of it is taken") {
  run([](Loop& loop) -> Task<void> {
    auto plain = tcp_pair();
    net::PlainTransport client(loop, std::move(plain.first));
    co_await client.write(text::bytes_of("GET / HTTP/1.0\r\n\r\n"), 10s);
    CHECK(co_await opening_of(loop, plain.second.get(), 10s) == Opening::Plain);
    net::PlainTransport server(loop, std::move(plain.second));
    CHECK(co_await read_text(server, 18) == "GET / HTTP/1.0\r\n\r\n");

    auto encrypted = tcp_pair();
    net::PlainTransport hello(loop, std::move(encrypted.first));
    co_await hello.write(text::bytes_of("\x16\x03\x01"), 10s);
    CHECK(co_await opening_of(loop, encrypted.second.get(), 10s) == Opening::Tls);

    auto silent = tcp_pair();
    bool timed_out = false;
    try {
      (void)co_await opening_of(loop, silent.second.get(), 1ms);
    } catch (const async::TimedOut&) {
      timed_out = true;
    }
    CHECK(timed_out);
    silent.first.reset();
    CHECK(co_await opening_of(loop, silent.second.get(), 10s) == Opening::Nothing);
  });
}

TEST_CASE("reading and writing end with TimedOut when nothing moves, and a reader may try again") {
  run([](Loop& loop) -> Task<void> {
    Connection c = co_await connected(loop);
    std::array<std::byte, 16> buffer;
    int timeouts = 0;
    try {
      (void)co_await c.server->read(buffer, 1ms);
    } catch (const async::TimedOut&) {
      ++timeouts;
    }
    const auto outcome = co_await async::any(c.server->read(buffer, 10s), loop.sleep_for(1ms));
    CHECK(outcome.index() == 1);
    co_await c.client->write(text::bytes_of("hello"), 10s);
    CHECK(co_await read_text(*c.server, 5) == "hello");
    const std::vector<std::byte> much(64 * 1024 * 1024);
    try {
      co_await c.server->write(much, 1ms);
    } catch (const async::TimedOut&) {
      ++timeouts;
    }
    CHECK(timeouts == 2);
  });
}

TEST_CASE("what was received and decrypted is pending, although the socket is empty") {
  run([](Loop& loop) -> Task<void> {
    Connection c = co_await connected(loop);
    CHECK_FALSE(c.server->has_pending());
    co_await c.client->write(text::bytes_of("hello"), 10s);
    CHECK(co_await read_text(*c.server, 2) == "he");
    CHECK(c.server->has_pending());
    co_await c.server->wait_readable(1ms);  // at once, or it would time out
    CHECK(co_await read_text(*c.server, 3) == "llo");
    CHECK_FALSE(c.server->has_pending());
  });
}

TEST_CASE("a connection that waits holds no buffer") {
  run([](Loop& loop) -> Task<void> {
    Connection c = co_await connected(loop);
    co_await c.client->write(text::bytes_of("hello"), 10s);
    CHECK(co_await read_text(*c.server, 5) == "hello");
    // With every spare block of this thread in hand but one, that one is back while the server waits.
    std::vector<async::BlockRef> taken;
    for (int i = 0; i < 64; ++i) taken.push_back(async::Block::take());
    std::byte* const spare = taken.back()->data();
    taken.pop_back();
    const auto look = [](Loop& l, std::byte* block) -> Task<bool> {
      co_await l.sleep_for(1ms);
      co_return async::Block::take()->data() == block;
    };
    const auto outcome = co_await async::any(read_text(*c.server, 1), look(loop, spare));
    REQUIRE(outcome.index() == 1);
    CHECK(std::get<1>(outcome));
  });
}

TEST_CASE("a peer may ask for new keys in the middle of a stream") {
  run([](Loop& loop) -> Task<void> {
    auto [client_fd, server_fd] = tcp_pair();
    TlsTransport server(loop, std::move(server_fd), only_host(host_parameters("registry.test")));
    RawClient client(loop, std::move(client_fd), TLS1_3_VERSION, "registry.test");
    co_await both(client.handshake(), server.handshake(10s));
    co_await client.update_keys();
    CHECK(co_await read_text(server, 1) == "k");
    co_await server.write(text::bytes_of("with new keys"), 10s);
    CHECK(co_await client.read_some() == "with new keys");
  });
}

TEST_CASE("a client that verifies refuses strangers, wrong names, and says why") {
  const auto verdict = [](const Identity& trusted, const char* name) {
    std::string said;
    run([&](Loop& loop) -> Task<void> {
      return [](Loop& l, const Identity& authority, const char* expected, std::string& text) -> Task<void> {
        auto [client_fd, server_fd] = tcp_pair();
        const ClientContext context = trusting(authority);
        const PeerName peer{"registry.test", expected};
        auto client = std::make_unique<TlsTransport>(l, std::move(client_fd), context, peer);
        TlsTransport server(l, std::move(server_fd), only_host(host_parameters("registry.test")));
        const auto tries_and_leaves = [](std::unique_ptr<TlsTransport>& self) -> Task<std::string> {
          std::string lost = co_await loss_of(self->handshake(10s));
          self.reset();
          co_return lost;
        };
        auto ends = co_await both(tries_and_leaves(client), loss_of(server.handshake(10s)));
        text = ends.first;
      }(loop, trusted, name, said);
    });
    return said;
  };
  CHECK(verdict(identity_of("registry.test"), "registry.test") == "nothing lost");
  CHECK(verdict(identity_of("registry.test"), "hub.test") ==
        "upstream SSL certificate verify error: (62:hostname mismatch)");
  CHECK(verdict(identity_of("registry.test"), "127.0.0.1") ==
        "upstream SSL certificate verify error: (64:IP address mismatch)");
  CHECK(verdict(identity_of("other.test"), "registry.test") ==
        "upstream SSL certificate verify error: (18:self-signed certificate)");
  CHECK(verdict(identity_of("registry.test"), "") == "no name to verify the peer's certificate for");
}
