// What is wrong with a certificate in the eyes of real clients, told at the start instead of at the first failed login.

#include <arpa/inet.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "tls/certificate.h"

namespace caisson::tls {

namespace {

using namespace std::chrono_literals;

// Renewals by ACME happen a month before the end.
constexpr auto soon = 30 * 24h;

std::string common_name(const X509_NAME* name) {
  char text[256] = "";
  X509_NAME_get_text_by_NID(name, NID_commonName, text, sizeof text);
  return text;
}

bool is_ip(const std::string& name) {
  unsigned char bytes[16];
  return ::inet_pton(AF_INET, name.c_str(), bytes) == 1 || ::inet_pton(AF_INET6, name.c_str(), bytes) == 1;
}

// Names that clients really ask for: not catch-alls, patterns or variables.
bool is_plain(const std::string& name) {
  return name.find('.') != std::string::npos && name.find_first_of("*~$^_") == std::string::npos && name.front() != '.';
}

bool stands_for(X509* leaf, const std::string& name) {
  return is_ip(name) ? X509_check_ip_asc(leaf, name.c_str(), 0) == 1
                     : X509_check_host(leaf, name.data(), name.size(), 0, nullptr) == 1;
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text.append(text.empty() ? "" : ", ").append(name);
  return text;
}

std::string alternative_name_of(const std::string& name) { return (is_ip(name) ? "IP:" : "DNS:") + name; }

bool names_issuer_address(X509* certificate) { return X509_get_ext_by_NID(certificate, NID_info_access, -1) >= 0; }

bool self_signed(X509* certificate) {
  return X509_NAME_cmp(X509_get_subject_name(certificate), X509_get_issuer_name(certificate)) == 0;
}

long days(std::chrono::system_clock::duration time) {
  return std::chrono::duration_cast<std::chrono::hours>(time).count() / 24;
}

}  // namespace

std::vector<std::string> Certificate::advice(const std::vector<std::string>& server_names,
                                             std::chrono::system_clock::time_point now) const {
  std::vector<std::string> sentences;
  const std::string subject = "certificate \"" + path_ + '"';
  std::vector<std::string> asked_for;
  std::copy_if(server_names.begin(), server_names.end(), std::back_inserter(asked_for), is_plain);

  const std::vector<std::string> names = alternative_names();
  if (names.empty()) {
    const std::string common = common_name(X509_get_subject_name(leaf()));
    const std::string wanted = !asked_for.empty() ? asked_for.front() : common;
    sentences.push_back(
        subject + " has no subjectAltName, only the common name \"" + common +
        "\": Docker refuses it (\"certificate relies on legacy Common Name field\"); make it again with "
        "this added to \"openssl x509 -req ...\": -extfile <(printf 'subjectAltName=" +
        alternative_name_of(wanted) + "')");
  } else if (!asked_for.empty() && std::none_of(asked_for.begin(), asked_for.end(),
                                                [this](const std::string& name) { return stands_for(leaf(), name); })) {
    sentences.push_back(subject + " is for " + joined(names) + " and for no server_name of its server (" +
                        joined(asked_for) + "): clients will refuse it; make it for those names");
  }

  // A private CA's leaf may well come alone, its root is installed at the clients. A public CA signs leaves with
  // intermediates only, and tells where to get them.
  if (chain_.size() == 1 && !self_signed(leaf()) && names_issuer_address(leaf())) {
    sentences.push_back(subject + " comes without the certificate of its issuer \"" +
                        common_name(X509_get_issuer_name(leaf())) +
                        "\": Docker refuses it, though browsers may not; append the issuer's certificate to the file");
  }
  for (std::size_t i = 0; i + 1 < chain_.size(); ++i) {
    if (X509_check_issued(chain_[i + 1].get(), chain_[i].get()) == X509_V_OK) continue;
    sentences.push_back(subject + " has its chain in a wrong order: certificate " + std::to_string(i + 2) +
                        " of the file is not the issuer of certificate " + std::to_string(i + 1));
    break;
  }

  const auto left = expires() - now;
  if (left <= 0s) {
    sentences.push_back(subject + " expired " + std::to_string(days(-left)) + " days ago: clients refuse it; renew it");
  } else if (left < soon) {
    sentences.push_back(subject + " expires in " + std::to_string(days(left)) + " days; renew it");
  }
  return sentences;
}

}  // namespace caisson::tls
