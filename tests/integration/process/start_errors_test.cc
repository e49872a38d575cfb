// Bad set-ups end the start: every reason at once, one line each, exit status 1.
#include <doctest/doctest.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <signal.h>

#include <filesystem>
#include <string>

#include "integration/support.h"

using namespace integration;

namespace {

struct KeyPair {
  std::string certificate;
  std::string key;
};

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return text;
}

// A self-made certificate with a common name only, as tutorials make it.
KeyPair common_name_only(const char* name) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 365L * 24 * 3600);
  X509_set_pubkey(certificate, key);
  X509_NAME* subject = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
  X509_set_issuer_name(certificate, subject);
  X509_sign(certificate, key, EVP_sha256());
  BIO* as_certificate = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(as_certificate, certificate);
  BIO* as_key = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(as_key, key, nullptr, nullptr, 0, nullptr, nullptr);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return {text_of(as_certificate), text_of(as_key)};
}

}  // namespace

TEST_CASE("everything wrong with a configuration is told in one go") {
  Server server;
  const KeyPair one = common_name_only("one.example");
  const KeyPair other = common_name_only("other.example");
  server.folder().write("one.crt", one.certificate);
  server.folder().write("other.key", other.key);
  const std::string port = std::to_string(free_port());
  server.configure("servr { }\nserver { listen 127.0.0.1:" + port +
                   " ssl; ssl_certificate one.crt; ssl_certificate_key other.key; }\n"
                   "server { listen 127.0.0.1:" +
                   port + " ssl; ssl_certificate missing.crt; ssl_certificate_key other.key; }\n");
  server.launch();
  CHECK(server.master().wait() == 1);
  const std::string said = server.master().errors();
  CHECK(contains(said, "unknown directive \"servr\" in "));
  CHECK(contains(said, "(did you mean \"server\"?)"));
  CHECK(contains(said, "missing.crt\" failed (2: No such file or directory)"));
  CHECK(contains(said, "key values mismatch"));
  CHECK_FALSE(contains(said, "no \"ssl_certificate\" is defined"));
  CHECK_FALSE(server.folder().has("pid"));
}

TEST_CASE("a port in use and a folder that the registry cannot use are told together") {
  Server holder("", "");
  const std::uint16_t port = free_port();
  holder.configure(answering(port, "first"));
  holder.start();
  Server server;
  std::filesystem::permissions(server.folder().path(), std::filesystem::perms::others_exec,
                               std::filesystem::perm_options::add);  // the worker's user may pass
  server.configure("upstream r { registry " + server.folder().path("nowhere") + "; }\n" +
                   "server { listen 127.0.0.1:" + std::to_string(port) + "; location / { proxy_pass http://r; } }\n");
  server.launch();
  CHECK(server.master().wait() == 1);
  const std::string said = server.master().errors();
  CHECK(contains(said, "bind() to 127.0.0.1:" + std::to_string(port) + " failed (98: Address already in use)"));
  CHECK(contains(said, "\"registry\" directive cannot use its folder"));
  CHECK(contains(said, "mkdir -p"));
  CHECK(get(port) == "first");
}

TEST_CASE("a certificate that Docker refuses is warned of with its mending, at the console and in the log") {
  Server server;
  const KeyPair pair = common_name_only("registry.example");
  server.folder().write("cn.crt", pair.certificate);
  server.folder().write("cn.key", pair.key);
  const std::uint16_t port = free_port();
  server.configure("server { listen 127.0.0.1:" + std::to_string(port) +
                   " ssl; server_name registry.example; ssl_certificate cn.crt; ssl_certificate_key cn.key; }");
  server.start();
  for (const std::string& text : {server.master().errors(), server.log()}) {
    CHECK(contains(text, "has no subjectAltName"));
    CHECK(contains(text, "-extfile <(printf 'subjectAltName=DNS:registry.example')"));
  }
}

TEST_CASE("a port in use ends the start with one line that names it, and without a pid file") {
  const auto port = free_port();
  Server other("", answering(port, "other"));
  other.start();
  Server server("", answering(port, "one"));
  server.launch();
  CHECK(server.master().wait() == 1);
  CHECK(server.master().errors() == "caisson: [emerg] bind() to 127.0.0.1:" + std::to_string(port) +
                                        " failed (98: Address already in use) in " +
                                        server.folder().path("nginx.conf") + ":9\n");
  CHECK_FALSE(server.folder().has("pid"));
  CHECK(get(port) == "other");
}

TEST_CASE("all errors of a configuration end the start, not only the first") {
  Server server("foo;\nworker_processes many;\n", "  bar 1;");
  server.launch();
  CHECK(server.master().wait() == 1);
  const std::string said = server.master().errors();
  CAPTURE(said);
  CHECK(count(said, "caisson: [emerg] ") == 3);
  CHECK(contains(said, "unknown directive \"foo\" in " + server.folder().path("nginx.conf") + ":5"));
  CHECK(contains(said, "unknown directive \"bar\" in "));
  CHECK_FALSE(server.folder().has("pid"));
}

TEST_CASE("a user who does not exist ends the start" * doctest::skip(!is_root())) {
  Server server("user nobody-of-this-name;", answering(free_port(), "one"));
  server.launch();
  CHECK(server.master().wait() == 1);
  CHECK(contains(server.master().errors(), "[emerg] getpwnam(\"nobody-of-this-name\") failed"));
}

TEST_CASE(
    "a data folder that the worker's user cannot write ends the start, fails the test, and changes nothing at a "
    "reload" *
    doctest::skip(!is_root())) {
  const auto port = free_port();
  Server server;
  std::filesystem::create_directory(server.folder().path("data"));  // root's
  const std::string registry = "  upstream docker-registry { registry " + server.folder().path("data") +
                               "; }\n  server { listen 127.0.0.1:" + std::to_string(port) +
                               "; location / { proxy_pass http://docker-registry; } }";
  const auto names_it = [&](const std::string& text) {
    return contains(text, "[emerg]") && contains(text, server.folder().path("data")) &&
           contains(text, "nginx.conf:8") && contains(text, "Permission denied");
  };
  server.configure(registry);
  CHECK(server.call({"-t"}) == 1);
  CHECK(names_it(server.said()));
  CHECK(server.call({}) == 1);
  CHECK(names_it(server.said()));
  CHECK_FALSE(server.folder().has("pid"));

  server.configure(answering(port, "one"));
  server.start();
  const pid_t worker = server.worker();
  server.configure(registry);
  server.master().signal(SIGHUP);
  CHECK(server.logs("the configuration in force before goes on unchanged"));
  CHECK(names_it(server.log()));
  CHECK(get(port) == "one");
  CHECK(server.worker() == worker);
}
