#include "net/proxy_protocol.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "base/handle.h"

using namespace caisson;
using namespace caisson::net;
using namespace std::chrono_literals;
using State = ProxyHeaderOutcome::State;

namespace {

const std::string v2_begin("\r\n\r\n\0\r\nQUIT\n", 12);

std::string v2(char command, char family, const std::string& addresses) {
  std::string text = v2_begin + command + family;
  text += static_cast<char>(addresses.size() >> 8);
  text += static_cast<char>(addresses.size() & 0xff);
  return text + addresses;
}

}  // namespace

TEST_CASE("a header of version 1 names both ends of the connection") {
  const std::string text = "PROXY TCP4 192.0.2.1 192.0.2.2 123 5678\r\n";
  const auto outcome = parse_proxy_header(text + "GET / HTTP/1.1\r\n");
  REQUIRE(outcome.state == State::Complete);
  CHECK(outcome.header.size == text.size());
  REQUIRE(outcome.header.ends);
  CHECK(outcome.header.ends->client == "192.0.2.1");
  CHECK(outcome.header.ends->client_port == 123);
  CHECK(outcome.header.ends->server == "192.0.2.2");
  CHECK(outcome.header.ends->server_port == 5678);
  CHECK(parse_proxy_header("PROXY TCP6 2001:db8::1 ::1 1 2\r\n").header.ends->client == "2001:db8::1");
}

TEST_CASE("a proxy that does not know the ends leaves them out") {
  for (const char* text : {"PROXY UNKNOWN\r\n", "PROXY UNKNOWN 1 2 3 4 5 6\r\n"}) {
    const auto outcome = parse_proxy_header(text);
    CHECK(outcome.state == State::Complete);
    CHECK_FALSE(outcome.header.ends);
  }
  const auto local = parse_proxy_header(v2(0x20, 0x11, std::string(12, '\1')));
  CHECK(local.state == State::Complete);
  CHECK_FALSE(local.header.ends);
}

TEST_CASE("a header of version 2 is read with its addresses, and what follows them is skipped") {
  const std::string addresses(
      "\xc0\0\2\1\xc0\0\2\2\0\x7b\x16\x2e"
      "tlv",
      15);
  const std::string text = v2(0x21, 0x11, addresses);
  const auto outcome = parse_proxy_header(text + "GET");
  REQUIRE(outcome.state == State::Complete);
  CHECK(outcome.header.size == text.size());
  REQUIRE(outcome.header.ends);
  CHECK(outcome.header.ends->client == "192.0.2.1");
  CHECK(outcome.header.ends->client_port == 123);
  CHECK(outcome.header.ends->server_port == 5678);
}

TEST_CASE("a header that comes in pieces is waited for, byte by byte") {
  for (const std::string& text :
       {std::string("PROXY TCP4 192.0.2.1 192.0.2.2 123 5678\r\n"), v2(0x21, 0x11, std::string(12, '\1'))}) {
    for (std::size_t n = 0; n < text.size(); ++n) {
      CHECK(parse_proxy_header(text.substr(0, n)).state == State::NeedMore);
    }
  }
}

TEST_CASE("what is no header is refused") {
  for (const std::string& text :
       {std::string("GET / HTTP/1.1\r\n"), std::string("PROXY TCP4 1.2.3.4\r\n"), std::string("PROXY TCP5 1 2 3 4\r\n"),
        std::string("PROXY TCP4 1.2.3.4 1.2.3.4 70000 1\r\n"), std::string("PROXY TCP4 1.2.3.4 1.2.3.4 1 1\n"),
        "PROXY TCP4 " + std::string(200, '1'), v2(0x11, 0x11, std::string(12, '\1')), v2(0x21, 0x11, "short")}) {
    CAPTURE(text);
    CHECK(parse_proxy_header(text).state == State::Broken);
  }
}

TEST_CASE("reading a header takes no byte of what follows it") {
  int pair[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
  const Fd ours(pair[0]);
  const Fd theirs(pair[1]);
  async::Loop loop;
  std::optional<ProxyHeader> header;
  loop.spawn([](async::Loop& on, int fd, std::optional<ProxyHeader>& into) -> async::Task<void> {
    into = co_await read_proxy_header(on, fd, 5s);
  }(loop, ours.get(), header));
  loop.spawn([](async::Loop& on, int fd) -> async::Task<void> {
    for (const std::string_view piece :
         {std::string_view("PROXY TCP4 192.0.2.1 "), std::string_view("192.0.2.2 123 5678\r\nGET")}) {
      CHECK(::send(fd, piece.data(), piece.size(), 0) == static_cast<ssize_t>(piece.size()));
      co_await on.sleep_for(5ms);
    }
  }(loop, theirs.get()));
  loop.stop_when_idle();
  loop.run();
  REQUIRE(header);
  CHECK(header->ends->client == "192.0.2.1");
  char rest[8];
  CHECK(std::string(rest, static_cast<std::size_t>(::recv(ours.get(), rest, sizeof rest, 0))) == "GET");
}
