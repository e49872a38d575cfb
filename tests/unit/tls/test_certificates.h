// Keys and certificates made on the spot: none is committed.
#pragma once

#include <doctest/doctest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <utility>

#include "base/handle.h"
#include "tls/certificate.h"

namespace caisson::tls_test {

struct Identity {
  tls::X509Handle certificate;
  tls::KeyHandle key;

  std::string certificate_pem() const;
  std::string key_pem() const;
  // For parameters: the chain is the certificate and then `issuers`.
  tls::CertificatePem pem(const std::string& issuers = "") const {
    return {certificate_pem() + issuers, key_pem(), "test.crt", "test.key"};
  }
};

struct CertificateWish {
  std::string common_name;
  std::string alternative_names;     // as openssl.cnf writes them: "DNS:a.test,IP:127.0.0.1"; empty: none
  const Identity* issuer = nullptr;  // null: self-signed
  bool authority = false;
  long valid_days = 90;
  bool names_issuer_address = false;  // as public authorities' leaves do
};

inline std::string bio_text(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

using BioHandle = std::unique_ptr<BIO, FreeWith<&BIO_free>>;

inline std::string Identity::certificate_pem() const {
  const BioHandle bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(bio.get(), certificate.get());
  return bio_text(bio.get());
}

inline std::string Identity::key_pem() const {
  const BioHandle bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  return bio_text(bio.get());
}

inline void add_extension(X509* certificate, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  REQUIRE(extension != nullptr);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

inline Identity make_identity(const CertificateWish& wish) {
  Identity made;
  made.key.reset(EVP_EC_gen("P-256"));
  made.certificate.reset(X509_new());
  X509* const certificate = made.certificate.get();
  REQUIRE(made.key);
  static long serial = 0;
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -400L * 24 * 3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), wish.valid_days * 24 * 3600);
  X509_set_pubkey(certificate, made.key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(wish.common_name.c_str()), -1, -1, 0);
  X509_set_issuer_name(certificate,
                       X509_get_subject_name(wish.issuer != nullptr ? wish.issuer->certificate.get() : certificate));
  if (wish.authority) add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
  if (!wish.alternative_names.empty()) add_extension(certificate, NID_subject_alt_name, wish.alternative_names);
  if (wish.names_issuer_address) add_extension(certificate, NID_info_access, "caIssuers;URI:http://ca.test/ca.crt");
  REQUIRE(X509_sign(certificate, wish.issuer != nullptr ? wish.issuer->key.get() : made.key.get(), EVP_sha256()) > 0);
  return made;
}

}  // namespace caisson::tls_test
