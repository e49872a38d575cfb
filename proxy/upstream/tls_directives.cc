// ngx_http_proxy_module's directives for https backends: proxy_ssl_*.

#include <algorithm>
#include <array>
#include <string_view>

#include "base/text.h"
#include "rules/loader.h"
#include "rules/setters.h"
#include "upstream/directives.h"

namespace caisson::upstream {

using config::Directive;
using rules::DirectiveSpec;
using rules::Loader;

namespace {

Result<PemFile> read_file(Loader& loader, const Directive& d) {
  PemFile read;
  read.path = loader.from_conf(d.args[0]);
  Result<std::string> content = loader.files().read(read.path);
  if (!content.ok()) return config::error_at(d.at, content.error().what);
  read.content = std::move(content).value();
  return read;
}

template <auto Member>
Result<void> set_file(Loader& loader, const Directive& d) {
  auto& file = own(loader).*Member;
  if (file) return config::config_error(d, "is duplicate");
  Result<PemFile> read = read_file(loader, d);
  if (!read.ok()) return std::move(read).error();
  file = std::move(read).value();
  return {};
}

// The name may have variables; such a file is read by who serves the request. An empty one takes away what an outer
// level says.
template <auto Member>
Result<void> set_tls_file(Loader& loader, const Directive& d) {
  auto& file = own(loader).*Member;
  if (file) return config::config_error(d, "is duplicate");
  Result<rules::Template> name = loader.compile(d.args[0], d);
  if (!name.ok()) return std::move(name).error();
  TlsFile made;
  made.folder = loader.paths().conf;
  if (name.value().constant() && !d.args[0].empty()) {
    Result<PemFile> read = read_file(loader, d);
    if (!read.ok()) return std::move(read).error();
    made.file = std::move(read).value();
  }
  made.name = std::move(name).value();
  file = std::move(made);
  return {};
}

// One password a line. ngx_ssl_read_password_file
Result<void> password_file(Loader& loader, const Directive& d) {
  auto& passwords = own(loader).ssl_passwords;
  if (passwords) return config::config_error(d, "is duplicate");
  Result<PemFile> read = read_file(loader, d);
  if (!read.ok()) return std::move(read).error();
  passwords.emplace();
  for (std::string_view line : text::split(read.value().content, '\n')) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) passwords->emplace_back(line);
  }
  return {};
}

Result<void> protocols(Loader& loader, const Directive& d) {
  auto& allowed = own(loader).ssl_protocols;
  if (allowed) return config::config_error(d, "is duplicate");
  constexpr std::array<std::string_view, 6> known = {"SSLv2", "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"};
  for (const std::string& name : d.args) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return config::error_at(d.at, "invalid value \"" + name + '"');
    }
  }
  allowed = d.args;
  return {};
}

Result<void> conf_command(Loader& loader, const Directive& d) {
  auto& commands = own(loader).ssl_conf_commands;
  if (!commands) commands.emplace();
  commands->emplace_back(d.args[0], d.args[1]);
  return {};
}

constexpr auto None = DirectiveSpec::Body::None;
constexpr unsigned anywhere = rules::Http | rules::Server | rules::Location;
using S = ProxySettings;

constexpr std::array directives = {
    DirectiveSpec{"proxy_ssl_verify", anywhere, 1, 1, None, &rules::set_flag<&S::ssl_verify>},
    DirectiveSpec{"proxy_ssl_verify_depth", anywhere, 1, 1, None, &rules::set_number<&S::ssl_verify_depth>},
    DirectiveSpec{"proxy_ssl_trusted_certificate", anywhere, 1, 1, None, &set_file<&S::ssl_trusted_certificate>},
    DirectiveSpec{"proxy_ssl_crl", anywhere, 1, 1, None, &set_file<&S::ssl_crl>},
    DirectiveSpec{"proxy_ssl_server_name", anywhere, 1, 1, None, &rules::set_flag<&S::ssl_server_name>},
    DirectiveSpec{"proxy_ssl_name", anywhere, 1, 1, None, &rules::set_template<&S::ssl_name>},
    DirectiveSpec{"proxy_ssl_protocols", anywhere, 1, rules::any_number, None, &protocols},
    DirectiveSpec{"proxy_ssl_ciphers", anywhere, 1, 1, None, &rules::set_text<&S::ssl_ciphers>},
    DirectiveSpec{"proxy_ssl_session_reuse", anywhere, 1, 1, None, &rules::set_flag<&S::ssl_session_reuse>},
    DirectiveSpec{"proxy_ssl_certificate", anywhere, 1, 1, None, &set_tls_file<&S::ssl_certificate>},
    DirectiveSpec{"proxy_ssl_certificate_key", anywhere, 1, 1, None, &set_tls_file<&S::ssl_certificate_key>},
    DirectiveSpec{"proxy_ssl_password_file", anywhere, 1, 1, None, &password_file},
    DirectiveSpec{"proxy_ssl_conf_command", anywhere, 2, 2, None, &conf_command},
};

}  // namespace

void describe_tls_directives(rules::Language& language) { language.add_directives(directives); }

}  // namespace caisson::upstream
