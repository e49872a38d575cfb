#include "tls/certificate.h"

#include <doctest/doctest.h>

#include <chrono>
#include <string>

#include "unit/tls/test_certificates.h"

using namespace caisson;
using namespace caisson::tls;
using namespace caisson::tls_test;
using namespace std::chrono_literals;

namespace {

const Identity& server() {
  static const Identity made =
      make_identity({"registry.test", "DNS:registry.test,DNS:*.wild.test,IP:127.0.0.1,IP:::1"});
  return made;
}

std::string refusal(const CertificatePem& pem) {
  auto loaded = Certificate::load(pem);
  return loaded.ok() ? "loaded" : loaded.error().what;
}

std::vector<std::string> advice(const CertificatePem& pem, const std::vector<std::string>& server_names) {
  auto loaded = Certificate::load(pem);
  REQUIRE(loaded.ok());
  return loaded.value().advice(server_names, std::chrono::system_clock::now());
}

}  // namespace

TEST_CASE("a certificate with its key loads, and knows its names and end") {
  auto loaded = Certificate::load(server().pem());
  REQUIRE(loaded.ok());
  const Certificate& certificate = loaded.value();
  CHECK(certificate.alternative_names() ==
        std::vector<std::string>{"registry.test", "*.wild.test", "127.0.0.1", "::1"});
  const auto left = certificate.expires() - std::chrono::system_clock::now();
  CHECK(left > 89 * 24h);
  CHECK(left <= 90 * 24h);
  CHECK(certificate.fingerprint().size() == 64);
}

TEST_CASE("key and certificate may stand in one text, in either order") {
  CertificatePem pem = server().pem();
  pem.chain = pem.key = pem.key + pem.chain;
  CHECK(refusal(pem) == "loaded");
  pem = server().pem();
  pem.chain = pem.key = pem.chain + pem.key;
  CHECK(refusal(pem) == "loaded");
}

// Messages as nginx 1.22 writes them, and then what is needed.
TEST_CASE("a key of another certificate is refused with both names") {
  const Identity other = make_identity({"other.test", "DNS:other.test"});
  CertificatePem pem = server().pem();
  pem.key = other.key_pem();
  CHECK(refusal(pem) ==
        "SSL_CTX_use_PrivateKey(\"test.key\") failed (SSL: error:05800074:x509 certificate routines::key values "
        "mismatch); the key does not belong to the first certificate of \"test.crt\"");
}

TEST_CASE("texts that hold no certificate or key are refused") {
  CertificatePem pem = server().pem();
  pem.chain = "junk";
  CHECK(refusal(pem) ==
        "cannot load certificate \"test.crt\": PEM_read_bio_X509_AUX() failed (SSL: error:0480006C:PEM routines::no "
        "start line:Expecting: TRUSTED CERTIFICATE); the file must begin with the server's certificate in PEM form");
  pem = server().pem();
  pem.key = "junk";
  CHECK(refusal(pem).starts_with("cannot load certificate key \"test.key\": PEM_read_bio_PrivateKey() failed (SSL: "));
  pem = server().pem();
  pem.chain += "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  CHECK(refusal(pem).starts_with("cannot load certificate \"test.crt\": PEM_read_bio_X509() failed (SSL: "));
  CHECK(refusal({}).starts_with("cannot load certificate"));
}

TEST_CASE("a key with a password is refused instead of asked for at the terminal") {
  const BioHandle bio(BIO_new(BIO_s_mem()));
  REQUIRE(PEM_write_bio_PrivateKey(bio.get(), server().key.get(), EVP_aes_256_cbc(), nullptr, 0, nullptr,
                                   const_cast<char*>("secret")) == 1);
  CertificatePem pem = server().pem();
  pem.key = bio_text(bio.get());
  CHECK(refusal(pem).ends_with("the key needs a password: name a file with it in \"ssl_password_file\""));
}

TEST_CASE("a good certificate needs no advice") {
  CHECK(advice(server().pem(), {"registry.test"}).empty());
  CHECK(advice(server().pem(), {"a.wild.test"}).empty());
  CHECK(advice(server().pem(), {"elsewhere.test", "registry.test"}).empty());
  CHECK(advice(server().pem(), {"127.0.0.1"}).empty());
  CHECK(advice(server().pem(), {"_", "", "~^r.*$", "*.elsewhere.test", ".elsewhere.test"}).empty());
}

TEST_CASE("a certificate with a common name only is told what Docker will say, and what mends it") {
  const Identity old = make_identity({"myregistrydomain.com", ""});
  const auto sentences = advice(old.pem(), {"myregistrydomain.com"});
  REQUIRE(sentences.size() == 1);
  CHECK(sentences[0] ==
        "certificate \"test.crt\" has no subjectAltName, only the common name \"myregistrydomain.com\": Docker refuses "
        "it (\"certificate relies on legacy Common Name field\"); make it again with this added to \"openssl x509 -req "
        "...\": -extfile <(printf 'subjectAltName=DNS:myregistrydomain.com')");
}

TEST_CASE("a certificate for other names is told which") {
  const auto sentences = advice(server().pem(), {"hub.test", "10.0.0.1"});
  REQUIRE(sentences.size() == 1);
  CHECK(sentences[0] ==
        "certificate \"test.crt\" is for registry.test, *.wild.test, 127.0.0.1, ::1 and for no server_name of its "
        "server (hub.test, 10.0.0.1): clients will refuse it; make it for those names");
}

TEST_CASE("only a public authority's leaf without its issuer is called incomplete") {
  CertificateWish root_wish{"Test Root", ""};
  root_wish.authority = true;
  const Identity root = make_identity(root_wish);
  CertificateWish wish{"registry.test", "DNS:registry.test", &root};
  const Identity of_private_authority = make_identity(wish);
  CHECK(advice(of_private_authority.pem(), {"registry.test"}).empty());

  wish.names_issuer_address = true;
  const Identity of_public_authority = make_identity(wish);
  const auto sentences = advice(of_public_authority.pem(), {"registry.test"});
  REQUIRE(sentences.size() == 1);
  CHECK(sentences[0].find("comes without the certificate of its issuer \"Test Root\"") != std::string::npos);
  CHECK(advice(of_public_authority.pem(root.certificate_pem()), {"registry.test"}).empty());
}

TEST_CASE("a chain in a wrong order is told where") {
  CertificateWish authority{"Test Root", ""};
  authority.authority = true;
  const Identity root = make_identity(authority);
  authority.common_name = "Test Intermediate";
  authority.issuer = &root;
  const Identity intermediate = make_identity(authority);
  const Identity leaf = make_identity({"registry.test", "DNS:registry.test", &intermediate});
  CHECK(advice(leaf.pem(intermediate.certificate_pem() + root.certificate_pem()), {}).empty());
  const auto sentences = advice(leaf.pem(root.certificate_pem() + intermediate.certificate_pem()), {});
  REQUIRE(sentences.size() == 1);
  CHECK(sentences[0].ends_with("certificate 2 of the file is not the issuer of certificate 1"));
}

TEST_CASE("the end of a certificate is told before and after it comes") {
  CertificateWish wish{"registry.test", "DNS:registry.test"};
  wish.valid_days = 4;
  auto sentences = advice(make_identity(wish).pem(), {});
  REQUIRE(sentences.size() == 1);
  CHECK(sentences[0] == "certificate \"test.crt\" expires in 3 days; renew it");
  wish.valid_days = -3;
  sentences = advice(make_identity(wish).pem(), {});
  REQUIRE(sentences.size() == 1);
  CHECK(sentences[0] == "certificate \"test.crt\" expired 3 days ago: clients refuse it; renew it");
}
