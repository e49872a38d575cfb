#include "tls/context.h"

#include <doctest/doctest.h>

#include <string>

#include "base/text.h"
#include "unit/tls/raw_client.h"
#include "unit/tls/tls_fixture.h"

using namespace caisson;
using namespace caisson::tls_test;

namespace {

// How a client resumes: with a ticket, or with a session that only the server keeps.
enum class Resume { Ticket, Id };

struct Visit {
  bool reused = false;
  std::string host;  // whose certificate the client saw
  SessionHandle session;
};

// One connection to `hosts` under `name`, which offers `session`.
Visit visit(const std::shared_ptr<const ServerHosts>& hosts, int version, const char* name, SSL_SESSION* session,
            Resume how) {
  Visit result;
  run([&](Loop& loop) -> Task<void> {
    return [](Loop& l, const std::shared_ptr<const ServerHosts>& all, int v, const char* n, SSL_SESSION* offered,
              Resume way, Visit& seen) -> Task<void> {
      auto [client_fd, server_fd] = tcp_pair();
      TlsTransport server(l, std::move(server_fd), all);
      RawClient client(l, std::move(client_fd), v, n);
      if (way == Resume::Id) client.without_tickets();
      if (offered != nullptr) client.offer(offered);
      co_await both(client.handshake(), server.handshake(10s));
      co_await server.write(text::bytes_of("hello"), 10s);
      CHECK(co_await client.read_some() == "hello");
      CHECK(client.reused() == server.facts().session_reused);
      seen.reused = client.reused();
      seen.host = client.peer_common_name();
      seen.session = client.take_session();
    }(loop, hosts, version, name, session, how, result);
  });
  return result;
}

ServerParameters sharing_sessions(ServerParameters parameters, const ServerParameters& with) {
  parameters.session_cache = with.session_cache;
  parameters.ticket_keys = with.ticket_keys;
  return parameters;
}

std::string refusal(const ServerParameters& parameters) {
  auto made = ServerContext::make(parameters);
  return made.ok() ? "made" : made.error().what;
}

}  // namespace

TEST_CASE("sessions are resumed by another thread's context, with tickets and with ids, in TLS 1.2 and 1.3") {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const Resume how : {Resume::Ticket, Resume::Id}) {
      CAPTURE(version);
      CAPTURE(static_cast<int>(how));
      ServerParameters parameters = host_parameters("a.test");
      if (how == Resume::Id) parameters.session_tickets = false;
      const Visit first = visit(only_host(parameters), version, "a.test", nullptr, how);
      CHECK_FALSE(first.reused);
      REQUIRE(first.session);
      CHECK((parameters.session_cache->size() > 0) == (how == Resume::Id));
      const Visit second = visit(only_host(parameters), version, "a.test", first.session.get(), how);
      CHECK(second.reused);
      // A TLS 1.3 client uses a ticket once, and resumes with the new one that comes with each connection.
      if (version != TLS1_3_VERSION) continue;
      REQUIRE(second.session);
      CHECK(visit(only_host(parameters), version, "a.test", second.session.get(), how).reused);
    }
  }
}

// CVE-2025-23419: there the session was looked up before the host was known.
TEST_CASE("a session of one host is not resumed on another, nor on the default") {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const Resume how : {Resume::Ticket, Resume::Id}) {
      CAPTURE(version);
      CAPTURE(static_cast<int>(how));
      ServerParameters standard = host_parameters("default.test");
      standard.session_tickets = how == Resume::Ticket;
      ServerParameters a = sharing_sessions(host_parameters("a.test"), standard);
      a.session_tickets = standard.session_tickets;
      ServerParameters b = sharing_sessions(host_parameters("b.test"), standard);
      b.session_tickets = standard.session_tickets;
      const auto hosts = hosts_by_name({standard, a, b});

      const Visit of_a = visit(hosts, version, "a.test", nullptr, how);
      CHECK(of_a.host == "a.test");
      const Visit on_b = visit(hosts, version, "b.test", of_a.session.get(), how);
      CHECK_FALSE(on_b.reused);
      CHECK(on_b.host == "b.test");
      const Visit on_default = visit(hosts, version, "unknown.test", of_a.session.get(), how);
      CHECK_FALSE(on_default.reused);
      CHECK(on_default.host == "default.test");
      const Visit of_default = visit(hosts, version, "default.test", nullptr, how);
      const Visit on_a = visit(hosts, version, "a.test", of_default.session.get(), how);
      CHECK_FALSE(on_a.reused);
      CHECK(on_a.host == "a.test");
      const Visit again = visit(hosts, version, "a.test", on_a.session.get(), how);
      CHECK(again.reused);
    }
  }
}

TEST_CASE("a session outlives a reload with the same settings, not one with another certificate") {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    CAPTURE(version);
    ServerParameters parameters = host_parameters("a.test");
    const Visit first = visit(only_host(parameters), version, "a.test", nullptr, Resume::Ticket);
    ServerParameters reloaded = parameters;
    reloaded.ticket_keys = std::make_shared<TicketKeys>(parameters.ticket_keys->all());  // handed over
    CHECK(visit(only_host(reloaded), version, "a.test", first.session.get(), Resume::Ticket).reused);
    reloaded.certificates = {make_identity({"a.test", "DNS:a.test"}).pem()};
    CHECK_FALSE(visit(only_host(reloaded), version, "a.test", first.session.get(), Resume::Ticket).reused);
  }
}

TEST_CASE("a session made under weaker demands on clients is not resumed under stronger ones") {
  const std::string authority = make_identity({"ca.test", "DNS:ca.test"}).pem().chain;
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    CAPTURE(version);
    ServerParameters parameters = host_parameters("a.test");
    const Visit open = visit(only_host(parameters), version, "a.test", nullptr, Resume::Ticket);
    parameters.clients.mode = ClientVerification::Optional;
    parameters.clients.authorities = authority;
    CHECK_FALSE(visit(only_host(parameters), version, "a.test", open.session.get(), Resume::Ticket).reused);
    const Visit asked = visit(only_host(parameters), version, "a.test", nullptr, Resume::Ticket);
    CHECK(visit(only_host(parameters), version, "a.test", asked.session.get(), Resume::Ticket).reused);
    parameters.clients.authorities = make_identity({"other.test", "DNS:other.test"}).pem().chain;
    CHECK_FALSE(visit(only_host(parameters), version, "a.test", asked.session.get(), Resume::Ticket).reused);
  }
}

TEST_CASE("clients cannot be verified without somebody to trust") {
  ServerParameters parameters = host_parameters("a.test");
  parameters.clients.mode = ClientVerification::Required;
  CHECK(refusal(parameters) == "no ssl_client_certificate for ssl_verify_client");
}

TEST_CASE("tickets stay good while their key is in the ring") {
  ServerParameters parameters = host_parameters("a.test");
  const Visit first = visit(only_host(parameters), TLS1_2_VERSION, "a.test", nullptr, Resume::Ticket);
  parameters.ticket_keys->rotate(3);
  parameters.ticket_keys->rotate(3);
  const Visit old = visit(only_host(parameters), TLS1_2_VERSION, "a.test", first.session.get(), Resume::Ticket);
  CHECK(old.reused);
  parameters.ticket_keys->rotate(3);
  CHECK_FALSE(visit(only_host(parameters), TLS1_2_VERSION, "a.test", first.session.get(), Resume::Ticket).reused);
  CHECK(visit(only_host(parameters), TLS1_2_VERSION, "a.test", old.session.get(), Resume::Ticket).reused);
}

TEST_CASE("without tickets and cache no session can be resumed") {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const SessionCaching caching : {SessionCaching::None, SessionCaching::Off}) {
      CAPTURE(version);
      ServerParameters parameters = host_parameters("a.test");
      parameters.session_tickets = false;
      parameters.session_caching = caching;
      const Visit first = visit(only_host(parameters), version, "a.test", nullptr, Resume::Id);
      if (first.session == nullptr) continue;  // none was offered
      CHECK_FALSE(visit(only_host(parameters), version, "a.test", first.session.get(), Resume::Id).reused);
    }
  }
}

TEST_CASE("each host has its own protocols") {
  ServerParameters modern = host_parameters("modern.test");
  modern.protocols.tls1_2 = false;
  const auto hosts = hosts_by_name({modern, host_parameters("broad.test")});
  CHECK(visit(hosts, TLS1_2_VERSION, "broad.test", nullptr, Resume::Ticket).host == "broad.test");
  CHECK_THROWS_AS(visit(hosts, TLS1_2_VERSION, "modern.test", nullptr, Resume::Ticket), net::ConnectionLost);
}

TEST_CASE("a name is compared without its trailing dot and case; none at all is the default's") {
  const auto hosts = hosts_by_name({host_parameters("default.test"), host_parameters("a.test")});
  CHECK(visit(hosts, TLS1_3_VERSION, "A.Test.", nullptr, Resume::Ticket).host == "a.test");
  CHECK(visit(hosts, TLS1_3_VERSION, "b.a.test", nullptr, Resume::Ticket).host == "default.test");
  CHECK(visit(hosts, TLS1_3_VERSION, nullptr, nullptr, Resume::Ticket).host == "default.test");
}

// Messages as nginx 1.22 -t writes them.
TEST_CASE("settings that OpenSSL refuses are told in nginx's words") {
  ServerParameters parameters = host_parameters("a.test");
  CHECK(refusal(parameters) == "made");
  parameters.ciphers = "FOO";
  CHECK(refusal(parameters) ==
        "SSL_CTX_set_cipher_list(\"FOO\") failed (SSL: error:0A0000B9:SSL routines::no cipher match)");
  parameters = host_parameters("a.test");
  parameters.ecdh_curve = "secp384r1:foo";
  CHECK(refusal(parameters) ==
        "SSL_CTX_set1_curves_list(\"secp384r1:foo\") failed (SSL: error:0A080106:SSL routines::passed invalid "
        "argument:group 'foo' cannot be set)");
  parameters = host_parameters("a.test");
  parameters.dhparam = "junk";
  parameters.dhparam_path = "dh.pem";
  CHECK(refusal(parameters).starts_with("PEM_read_bio_DHparams(\"dh.pem\") failed (SSL: "));
  parameters = host_parameters("a.test");
  parameters.certificates.front().key = identity_of("b.test").key_pem();
  CHECK(refusal(parameters).starts_with("SSL_CTX_use_PrivateKey(\"test.key\") failed (SSL: "));

  ClientParameters client;
  client.verify = true;
  auto made = ClientContext::make(client);
  REQUIRE_FALSE(made.ok());
  CHECK(made.error().what == "no proxy_ssl_trusted_certificate for proxy_ssl_verify");
}

TEST_CASE("a key behind a password is opened with the first of the passwords that fits") {
  const Identity& identity = identity_of("locked.test");
  const BioHandle bio(BIO_new(BIO_s_mem()));
  const std::string password = "open sesame";
  REQUIRE(PEM_write_bio_PrivateKey(bio.get(), identity.key.get(), EVP_aes_256_cbc(),
                                   reinterpret_cast<const unsigned char*>(password.data()),
                                   static_cast<int>(password.size()), nullptr, nullptr) == 1);
  CertificatePem pem = identity.pem();
  pem.key = bio_text(bio.get());
  CHECK_FALSE(Certificate::load(pem).ok());
  pem.passwords = {"wrong", "worse"};
  CHECK_FALSE(Certificate::load(pem).ok());
  pem.passwords = {"wrong", password, "worse"};
  CHECK(Certificate::load(pem).ok());
}

TEST_CASE("a host that rejects handshakes ends them for its own names alone") {
  ServerParameters closed;
  closed.identity = "closed.test";
  closed.reject_handshake = true;
  const auto hosts = hosts_by_name({closed, host_parameters("open.test")});
  CHECK(visit(hosts, TLS1_3_VERSION, "open.test", nullptr, Resume::Ticket).host == "open.test");
  CHECK_THROWS(visit(hosts, TLS1_3_VERSION, "closed.test", nullptr, Resume::Ticket));
  CHECK_THROWS(visit(hosts, TLS1_2_VERSION, "other.test", nullptr, Resume::Ticket));
}

TEST_CASE("ssl_conf_command's settings reach OpenSSL, and one that it does not know is told") {
  ServerParameters parameters = host_parameters("a.test");
  parameters.commands = {{"MaxProtocol", "TLSv1.2"}};
  CHECK_THROWS(visit(only_host(parameters), TLS1_3_VERSION, "a.test", nullptr, Resume::Ticket));
  parameters.commands = {{"Nonsense", "yes"}};
  CHECK(refusal(parameters).starts_with("SSL_CONF_cmd(\"Nonsense\", \"yes\") failed"));
}

TEST_CASE("tickets are resumed under the keys of a file, of either length") {
  for (const std::size_t size : {std::size_t{48}, std::size_t{80}}) {
    const auto key = TicketKey::parse(std::string(size, 'k'));
    REQUIRE(key);
    ServerParameters parameters = host_parameters("a.test");
    parameters.session_caching = SessionCaching::None;
    parameters.ticket_keys = std::make_shared<TicketKeys>(std::vector{*key});
    const Visit first = visit(only_host(parameters), TLS1_3_VERSION, "a.test", nullptr, Resume::Ticket);
    parameters.ticket_keys = std::make_shared<TicketKeys>(std::vector{*key});  // another process with the same file
    CHECK(visit(only_host(parameters), TLS1_3_VERSION, "a.test", first.session.get(), Resume::Ticket).reused);
  }
  CHECK_FALSE(TicketKey::parse(std::string(64, 'k')));
}
