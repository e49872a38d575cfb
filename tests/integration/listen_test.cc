// What stands before the first request on a connection: the PROXY protocol, the choice of an address and its TLS.
#include <doctest/doctest.h>

#include "integration/support.h"
#include "integration/wire.h"

using namespace integration;

namespace {

std::string listening(std::uint16_t port, std::string_view options, std::string_view rest) {
  return "server { listen 127.0.0.1:" + std::to_string(port) + ' ' + std::string(options) + "; " + std::string(rest) +
         " }\n";
}

constexpr std::string_view header = "PROXY TCP4 192.0.2.1 192.0.2.2 123 5678\r\n";
constexpr std::string_view request = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

}  // namespace

TEST_CASE("a proxy's header goes before the first request, in however many pieces it comes") {
  Server server;
  const std::uint16_t port = free_port();
  server.configure(
      listening(port, "proxy_protocol", "return 200 \"$proxy_protocol_addr:$proxy_protocol_port $remote_addr\";"));
  server.start();
  Connection whole(port);
  whole.send(std::string(header) + std::string(request));
  CHECK(whole.read_to_end().ends_with("192.0.2.1:123 127.0.0.1"));
  Connection pieces(port);
  pieces.send(header.substr(0, 10));
  pieces.send(header.substr(10));
  pieces.send(request);
  CHECK(pieces.read_to_end().ends_with("192.0.2.1:123 127.0.0.1"));
}

TEST_CASE("a connection without the header that its address wants is closed, and logged") {
  Server server;
  const std::uint16_t port = free_port();
  server.configure(listening(port, "proxy_protocol", "return 200 in;"));
  server.start();
  Connection connection(port);
  connection.send(request);
  CHECK(connection.read_to_end().empty());
  CHECK(server.logs("broken header while reading PROXY protocol"));
}

TEST_CASE("a specific address has TLS of its own, though it shares the socket of its port's wildcard") {
  Server server;
  const Identity identity = make_identity();
  const std::string certificate = server.folder().write("cert.pem", identity.certificate);
  const std::string key = server.folder().write("key.pem", identity.key);
  const std::uint16_t port = free_port();
  server.configure(
      "server { listen " + std::to_string(port) + "; return 200 plain; }\n" +
      listening(port, "ssl",
                "ssl_certificate " + certificate + "; ssl_certificate_key " + key + "; return 200 $https;"));
  server.start();
  Wire::Options options;
  options.tls = true;
  Wire wire = Wire::to(port, options);
  wire.send(request);
  CHECK(read_answer(wire).body == "on");
}
