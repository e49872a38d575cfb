// http.addr and http.tls as `listen` and `ssl_*`.
#include <algorithm>
#include <array>

#include "base/text.h"
#include "registry/face/compose.h"

namespace caisson::registry::face {
namespace {

struct Suite {
  std::string_view go;  // the name in config.yml
  std::string_view openssl;
};
// The names that registry:2 takes. Those of TLS 1.3 choose nothing there either.
constexpr std::array suites = {
    Suite{"TLS_RSA_WITH_AES_128_CBC_SHA", "AES128-SHA"},
    Suite{"TLS_RSA_WITH_AES_256_CBC_SHA", "AES256-SHA"},
    Suite{"TLS_RSA_WITH_AES_128_CBC_SHA256", "AES128-SHA256"},
    Suite{"TLS_RSA_WITH_AES_128_GCM_SHA256", "AES128-GCM-SHA256"},
    Suite{"TLS_RSA_WITH_AES_256_GCM_SHA384", "AES256-GCM-SHA384"},
    Suite{"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "ECDHE-ECDSA-AES128-SHA"},
    Suite{"TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "ECDHE-ECDSA-AES256-SHA"},
    Suite{"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "ECDHE-RSA-AES128-SHA"},
    Suite{"TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "ECDHE-RSA-AES256-SHA"},
    Suite{"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", "ECDHE-ECDSA-AES128-SHA256"},
    Suite{"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", "ECDHE-RSA-AES128-SHA256"},
    Suite{"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256"},
    Suite{"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"},
    Suite{"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384"},
    Suite{"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"},
    Suite{"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305"},
    Suite{"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"},
    Suite{"TLS_AES_128_GCM_SHA256", ""},
    Suite{"TLS_AES_256_GCM_SHA384", ""},
    Suite{"TLS_CHACHA20_POLY1305_SHA256", ""},
};

// Rising, so that a minimum takes all that follow.
constexpr std::array<std::pair<std::string_view, std::string_view>, 4> protocols = {
    {{"tls1.0", "TLSv1"}, {"tls1.1", "TLSv1.1"}, {"tls1.2", "TLSv1.2"}, {"tls1.3", "TLSv1.3"}}};
constexpr std::string_view usual_minimum = "tls1.2";

void add_protocols(Block& server, const Values& values, const config::SourcePos& otherwise, Findings& findings) {
  const Value* const minimum = values.find("http.tls.minimumtls");
  const std::string_view wanted = minimum != nullptr ? std::string_view(minimum->word()) : usual_minimum;
  const config::SourcePos at = minimum != nullptr ? minimum->at : otherwise;
  const auto first =
      std::find_if(protocols.begin(), protocols.end(), [&](const auto& protocol) { return protocol.first == wanted; });
  if (first == protocols.end()) {
    findings.errors.push_back(config::error_at(
        at, "\"http.tls.minimumtls\" is tls1.0, tls1.1, tls1.2 or tls1.3, not \"" + std::string(wanted) + '"'));
    return;
  }
  config::Directive made = line("ssl_protocols", {}, at);
  for (auto protocol = first; protocol != protocols.end(); ++protocol) made.args.emplace_back(protocol->second);
  server.push_back(std::move(made));
}

void add_ciphers(Block& server, const Value& wanted, Findings& findings) {
  std::string ciphers;
  for (const std::string& name : wanted.words) {
    const auto suite = std::find_if(suites.begin(), suites.end(), [&](const Suite& one) { return one.go == name; });
    if (suite == suites.end()) {
      findings.errors.push_back(config::error_at(wanted.at, "\"http.tls.ciphersuites\" knows no \"" + name + '"',
                                                 "names are such as \"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\""));
    } else if (!suite->openssl.empty()) {
      ciphers += (ciphers.empty() ? "" : ":") + std::string(suite->openssl);
    }
  }
  if (!ciphers.empty()) server.push_back(line("ssl_ciphers", {ciphers}, wanted.at));
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  if (text == "http") return 80;
  if (text == "https") return 443;
  const auto number = text::to_number(text);
  if (!number || *number == 0 || *number > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(*number);
}

}  // namespace

void add_listens(Block& server, const Value& addr, const std::string& path, bool unix_socket,
                 const Surroundings& around, const std::vector<std::string>& options, Findings& findings) {
  const auto add = [&](std::string where) {
    std::vector<std::string> args = {std::move(where)};
    args.insert(args.end(), options.begin(), options.end());
    server.push_back(line("listen", std::move(args), addr.at));
  };
  const auto fail = [&](std::string_view problem, std::string_view hint) {
    findings.errors.push_back(
        config::error_at(addr.at, '"' + path + "\" " + std::string(problem) + " \"" + addr.word() + '"', hint));
  };
  const std::string_view text = addr.word();
  if (unix_socket) return add("unix:" + addr.word());
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return fail("has no port in", "write \":5000\" or \"127.0.0.1:5000\"");
  const auto port = parse_port(text.substr(colon + 1));
  if (!port) return fail("has no good port in", "ports are numbers from 1 to 65535");
  const std::string end = ':' + std::to_string(*port);
  const std::string_view host = text.substr(0, colon);
  if (!host.empty()) {
    const bool named = host != "localhost" && host.find_first_not_of("0123456789.") != std::string_view::npos &&
                       !host.starts_with('[');
    if (named) return fail("has a host name in", "write the address as a number, or leave it out");
    return add(std::string(host) + end);
  }
  add("0.0.0.0" + end);
  if (around.ipv6) add("[::]" + end);
}

bool add_tls(Block& server, const Values& values, Findings& findings) {
  const Value* const certificate = values.find("http.tls.certificate");
  const Value* const key = values.find("http.tls.key");
  const Value* const authorities = values.find("http.tls.clientcas");
  const auto fail = [&](const Value& at, std::string_view what) {
    findings.errors.push_back(config::error_at(at.at, what));
  };
  if (certificate == nullptr) {
    if (key != nullptr) fail(*key, "\"http.tls.key\" without \"http.tls.certificate\"");
    if (authorities != nullptr) {
      fail(*authorities, "\"http.tls.clientcas\" without \"http.tls.certificate\" would ask nobody for a certificate");
    }
    return false;
  }
  if (key == nullptr) {
    fail(*certificate, "\"http.tls.certificate\" without \"http.tls.key\"");
    return true;
  }
  server.push_back(line("ssl_certificate", {certificate->word()}, certificate->at));
  server.push_back(line("ssl_certificate_key", {key->word()}, key->at));
  server.push_back(line("ssl_session_cache", {"shared:registry:1m"}, certificate->at));
  add_protocols(server, values, certificate->at, findings);
  if (const Value* wanted = values.find("http.tls.ciphersuites")) add_ciphers(server, *wanted, findings);
  if (authorities != nullptr) {
    server.push_back(line("ssl_client_certificate", authorities->words, authorities->at));
    server.push_back(line("ssl_verify_client", {"on"}, authorities->at));
    server.push_back(line("ssl_verify_depth", {"10"}, authorities->at));
  }
  return true;
}

}  // namespace caisson::registry::face
