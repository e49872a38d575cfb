#include "tls/client_certificates.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <array>
#include <ctime>
#include <span>

#include "base/handle.h"
#include "base/text.h"
#include "tls/certificate.h"
#include "tls/errors.h"

namespace caisson::tls {

namespace {

using BioHandle = std::unique_ptr<BIO, FreeWith<&BIO_free>>;
using CrlHandle = std::unique_ptr<X509_CRL, FreeWith<&X509_CRL_free>>;

BioHandle reading(const std::string& text) {
  return BioHandle(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// What was printed into a memory BIO.
std::string printed(const BioHandle& bio) {
  const char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string();
}

// ngx_ssl_verify_callback: the outcome is looked at when the request is there.
int go_on(int, X509_STORE_CTX*) noexcept { return 1; }

// Whether clients are told of an authority of that name already.
bool is_told(const SSL_CTX* context, const X509* authority) {
  const STACK_OF(X509_NAME)* const told = SSL_CTX_get_client_CA_list(context);
  for (int i = 0; i < sk_X509_NAME_num(told); ++i) {
    if (X509_NAME_cmp(sk_X509_NAME_value(told, i), X509_get_subject_name(authority)) == 0) return true;
  }
  return false;
}

Result<void> trust(SSL_CTX* context, const std::string& pem, const std::string& path, bool tell_clients) {
  const BioHandle bio = reading(pem);
  std::size_t count = 0;
  while (const X509Handle authority{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)}) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority.get());
    if (tell_clients && !is_told(context, authority.get())) SSL_CTX_add_client_CA(context, authority.get());
    ++count;
  }
  if (count == 0) return ssl_call_failed("SSL_CTX_load_verify_locations(\"" + path + "\")");
  ERR_clear_error();  // the end of the text counts as one
  return {};
}

Result<void> revoke(SSL_CTX* context, const std::string& pem, const std::string& path) {
  X509_STORE* const store = SSL_CTX_get_cert_store(context);
  const BioHandle bio = reading(pem);
  std::size_t count = 0;
  while (const CrlHandle list{PEM_read_bio_X509_CRL(bio.get(), nullptr, nullptr, nullptr)}) {
    X509_STORE_add_crl(store, list.get());
    ++count;
  }
  if (count == 0) return ssl_call_failed("X509_LOOKUP_load_file(\"" + path + "\")");
  ERR_clear_error();
  X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
  return {};
}

std::string name_text(const X509_NAME* name) {
  const BioHandle bio(BIO_new(BIO_s_mem()));
  return X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253) < 0 ? std::string() : printed(bio);
}

std::string legacy_name_text(const X509_NAME* name) {
  char* const text = X509_NAME_oneline(name, nullptr, 0);
  std::string copy = text == nullptr ? "" : text;
  OPENSSL_free(text);
  return copy;
}

std::string time_text(const ASN1_TIME* time) {
  const BioHandle bio(BIO_new(BIO_s_mem()));
  return ASN1_TIME_print(bio.get(), time) == 1 ? printed(bio) : std::string();
}

// ngx_ssl_verify_error_optional
bool only_untrusted(long outcome) {
  switch (outcome) {
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return true;
    default:
      return false;
  }
}

}  // namespace

Result<void> ask_for_client_certificates(SSL_CTX* context, const ClientVerificationParameters& p) {
  if (p.mode == ClientVerification::Off) return {};
  if (p.authorities.empty() && p.mode != ClientVerification::OptionalNoCa) {
    return Error{ErrorCode::BadConfig, "no ssl_client_certificate for ssl_verify_client"};
  }
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, &go_on);
  SSL_CTX_set_verify_depth(context, p.depth);
  if (!p.authorities.empty()) {
    if (auto done = trust(context, p.authorities, p.authorities_path, true); !done.ok()) return done;
  }
  if (!p.trusted.empty()) {
    if (auto done = trust(context, p.trusted, p.trusted_path, false); !done.ok()) return done;
  }
  return p.revoked.empty() ? Result<void>() : revoke(context, p.revoked, p.revoked_path);
}

std::shared_ptr<const ClientCertificate> client_certificate_of(SSL* ssl) {
  const X509Handle shown(SSL_get1_peer_certificate(ssl));
  if (!shown) return nullptr;
  auto facts = std::make_shared<ClientCertificate>();
  const long outcome = SSL_get_verify_result(ssl);
  facts->verified = outcome == X509_V_OK;
  facts->untrusted_issuer = only_untrusted(outcome);
  if (!facts->verified) facts->failure = X509_verify_cert_error_string(outcome);

  const BioHandle pem(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509(pem.get(), shown.get()) == 1) facts->pem = printed(pem);
  facts->subject = name_text(X509_get_subject_name(shown.get()));
  facts->issuer = name_text(X509_get_issuer_name(shown.get()));
  facts->subject_legacy = legacy_name_text(X509_get_subject_name(shown.get()));
  facts->issuer_legacy = legacy_name_text(X509_get_issuer_name(shown.get()));
  const BioHandle serial(BIO_new(BIO_s_mem()));
  i2a_ASN1_INTEGER(serial.get(), X509_get0_serialNumber(shown.get()));
  facts->serial = printed(serial);
  std::array<std::byte, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (X509_digest(shown.get(), EVP_sha1(), reinterpret_cast<unsigned char*>(digest.data()), &size) == 1) {
    facts->fingerprint = text::to_hex(std::span(digest).first(size));
  }
  facts->valid_from = time_text(X509_get0_notBefore(shown.get()));
  facts->valid_to = time_text(X509_get0_notAfter(shown.get()));
  std::tm end{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(shown.get()), &end) == 1) facts->expires = ::timegm(&end);
  ERR_clear_error();
  return facts;
}

}  // namespace caisson::tls
