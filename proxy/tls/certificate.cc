#include "tls/certificate.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>

#include "base/text.h"
#include "tls/errors.h"

namespace caisson::tls {

namespace {

using BioHandle = std::unique_ptr<BIO, FreeWith<&BIO_free>>;

BioHandle bio_over(const std::string& text) {
  return BioHandle(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// What OpenSSL's question for a password is answered with, instead of by asking at the terminal.
struct Password {
  const std::string* text = nullptr;  // null: there is none
  bool asked = false;
};

int on_password(char* into, int size, int, void* argument) {
  auto& password = *static_cast<Password*>(argument);
  password.asked = true;
  if (password.text == nullptr || password.text->size() > static_cast<std::size_t>(size)) return -1;
  std::copy(password.text->begin(), password.text->end(), into);
  return static_cast<int>(password.text->size());
}

// The key, with the first password that opens it. ngx_ssl_load_certificate_key
KeyHandle read_key(const CertificatePem& pem, bool& password_missing) {
  for (std::size_t i = 0;; ++i) {
    Password password;
    if (i < pem.passwords.size()) password.text = &pem.passwords[i];
    const BioHandle bio = bio_over(pem.key);
    KeyHandle key(PEM_read_bio_PrivateKey(bio.get(), nullptr, &on_password, &password));
    password_missing = password.asked && pem.passwords.empty();
    if (key || !password.asked || i + 1 >= pem.passwords.size()) return key;
    ERR_clear_error();
  }
}

Error cannot_load(const char* what, const std::string& path, const char* call, const char* needed) {
  Error error = ssl_call_failed(call);
  error.what = "cannot load " + std::string(what) + " \"" + path + "\": " + error.what + needed;
  return error;
}

}  // namespace

Result<Certificate> Certificate::load(const CertificatePem& pem) {
  ERR_clear_error();
  Certificate result;
  result.path_ = pem.chain_path;
  const BioHandle chain = bio_over(pem.chain);
  X509Handle leaf(PEM_read_bio_X509_AUX(chain.get(), nullptr, nullptr, nullptr));
  if (!leaf) {
    return cannot_load("certificate", pem.chain_path, "PEM_read_bio_X509_AUX()",
                       "; the file must begin with the server's certificate in PEM form");
  }
  result.chain_.push_back(std::move(leaf));
  while (X509* issuer = PEM_read_bio_X509(chain.get(), nullptr, nullptr, nullptr)) result.chain_.emplace_back(issuer);
  const unsigned long end = ERR_peek_last_error();
  if (ERR_GET_LIB(end) != ERR_LIB_PEM || ERR_GET_REASON(end) != PEM_R_NO_START_LINE) {
    return cannot_load("certificate", pem.chain_path, "PEM_read_bio_X509()", "");
  }
  ERR_clear_error();

  bool password_missing = false;
  result.key_ = read_key(pem, password_missing);
  if (!result.key_) {
    return cannot_load("certificate key", pem.key_path, "PEM_read_bio_PrivateKey()",
                       password_missing ? "; the key needs a password: name a file with it in \"ssl_password_file\""
                                        : "; the file must hold the private key in PEM form");
  }
  ERR_clear_error();  // reading a key leaves the decoders' attempts behind
  if (X509_check_private_key(result.leaf(), result.key()) != 1) {
    Error error = ssl_call_failed("SSL_CTX_use_PrivateKey(\"" + pem.key_path + "\")");
    error.what += "; the key does not belong to the first certificate of \"" + pem.chain_path + '"';
    return error;
  }
  return result;
}

std::vector<std::string> Certificate::alternative_names() const {
  std::vector<std::string> names;
  const std::unique_ptr<GENERAL_NAMES, FreeWith<&GENERAL_NAMES_free>> held(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(leaf(), NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; held && i < sk_GENERAL_NAME_num(held.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(held.get(), i);
    if (name->type != GEN_DNS && name->type != GEN_IPADD) continue;
    const ASN1_STRING* value = name->type == GEN_DNS ? name->d.dNSName : name->d.iPAddress;
    const unsigned char* bytes = ASN1_STRING_get0_data(value);
    const auto size = static_cast<std::size_t>(ASN1_STRING_length(value));
    if (name->type == GEN_DNS) {
      names.emplace_back(reinterpret_cast<const char*>(bytes), size);
    } else if (size == 4 || size == 16) {
      char text[INET6_ADDRSTRLEN] = "";
      ::inet_ntop(size == 4 ? AF_INET : AF_INET6, bytes, text, sizeof text);
      names.emplace_back(text);
    }
  }
  return names;
}

std::chrono::system_clock::time_point Certificate::expires() const {
  std::tm time{};
  ASN1_TIME_to_tm(X509_get0_notAfter(leaf()), &time);
  return std::chrono::system_clock::from_time_t(::timegm(&time));
}

std::string Certificate::fingerprint() const {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  X509_digest(leaf(), EVP_sha256(), digest, &size);
  return text::to_hex(std::as_bytes(std::span(digest, size)));
}

}  // namespace caisson::tls
