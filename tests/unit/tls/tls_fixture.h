// Virtual hosts with certificates, and the two ends of a TLS connection.
#pragma once

#include <doctest/doctest.h>

#include <map>
#include <memory>
#include <string>

#include "tls/context.h"
#include "tls/transport.h"
#include "unit/net/net_fixture.h"
#include "unit/tls/test_certificates.h"

namespace caisson::tls_test {

using namespace tls;
using namespace net_test;

inline const Identity& identity_of(const std::string& name) {
  static std::map<std::string, Identity> made;
  const auto known = made.find(name);
  if (known != made.end()) return known->second;
  return made.emplace(name, make_identity({name, "DNS:" + name})).first->second;
}

// A virtual host `name` with a certificate for that name, and sessions that nobody else shares.
inline tls::ServerParameters host_parameters(const std::string& name) {
  tls::ServerParameters parameters;
  parameters.identity = name;
  parameters.certificates = {identity_of(name).pem()};
  parameters.session_caching = tls::SessionCaching::Shared;
  parameters.session_cache = std::make_shared<tls::SessionCache>(1024 * 1024);
  parameters.ticket_keys = std::make_shared<tls::TicketKeys>();
  return parameters;
}

inline std::shared_ptr<const tls::ServerContext> make_host(const tls::ServerParameters& parameters) {
  auto made = tls::ServerContext::make(parameters);
  if (!made.ok()) FAIL(made.error().what);
  return std::make_shared<const tls::ServerContext>(std::move(made).value());
}

// One host, whatever the name.
inline std::shared_ptr<const tls::ServerHosts> only_host(const tls::ServerParameters& parameters) {
  auto hosts = std::make_shared<tls::ServerHosts>();
  hosts->fallback = make_host(parameters);
  return hosts;
}

// The first of them is the default.
inline std::shared_ptr<const tls::ServerHosts> hosts_by_name(const std::vector<tls::ServerParameters>& all) {
  std::map<std::string, std::shared_ptr<const tls::ServerContext>, std::less<>> by_name;
  for (const tls::ServerParameters& each : all) by_name.emplace(each.identity, make_host(each));
  auto hosts = std::make_shared<tls::ServerHosts>();
  hosts->fallback = by_name.at(all.front().identity);
  hosts->find = [by_name](std::string_view name) -> std::shared_ptr<const tls::ServerContext> {
    const auto known = by_name.find(name);
    return known == by_name.end() ? nullptr : known->second;
  };
  return hosts;
}

inline tls::ClientContext trusting(const Identity& identity) {
  tls::ClientParameters parameters;
  parameters.verify = true;
  parameters.trusted = identity.certificate_pem();
  auto made = tls::ClientContext::make(parameters);
  REQUIRE(made.ok());
  return std::move(made).value();
}

inline tls::ClientContext trusting_all() {
  auto made = tls::ClientContext::make({});
  REQUIRE(made.ok());
  return std::move(made).value();
}

// Both ends of one connection, after the handshake.
struct Connection {
  std::unique_ptr<tls::TlsTransport> client;
  std::unique_ptr<tls::TlsTransport> server;
};

inline async::Task<Connection> connected(async::Loop& loop) {
  auto [client_fd, server_fd] = net_test::tcp_pair();
  const tls::ClientContext context = trusting(identity_of("registry.test"));
  const tls::PeerName peer{"registry.test", "registry.test"};
  Connection made;
  made.client = std::make_unique<tls::TlsTransport>(loop, std::move(client_fd), context, peer);
  made.server =
      std::make_unique<tls::TlsTransport>(loop, std::move(server_fd), only_host(host_parameters("registry.test")));
  co_await async::both(made.client->handshake(std::chrono::seconds(10)),
                       made.server->handshake(std::chrono::seconds(10)));
  co_return std::move(made);
}

}  // namespace caisson::tls_test
