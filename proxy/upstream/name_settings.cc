#include "upstream/name_settings.h"

#include <array>

#include "config/arguments.h"
#include "net/resolver.h"
#include "rules/loader.h"
#include "rules/setters.h"

namespace caisson::upstream {

using config::Directive;
using rules::DirectiveSpec;
using rules::Loader;

namespace {

constexpr std::uint16_t dns_port = 53;

Result<bool> switch_of(const Directive& d, std::string_view parameter) {
  const std::string_view value = parameter.substr(parameter.find('=') + 1);
  if (value == "on") return true;
  if (value == "off") return false;
  return config::error_at(d.at, "invalid parameter: " + std::string(parameter));
}

Result<void> add_server(net::NameServerSettings& settings, const Directive& d, const std::string& text) {
  const Result<net::Endpoint> at = net::Endpoint::parse(text, net::Endpoint::Use::Connect, dns_port);
  if (!at.ok()) return config::error_at(d.at, at.error().what + " in resolver \"" + text + '"');
  if (const auto numeric = at.value().numeric()) {
    settings.servers.push_back(*numeric);
    return {};
  }
  Result<net::Addresses> found = net::resolve_blocking(at.value().host);
  if (!found.ok()) return config::error_at(d.at, "host not found in resolver \"" + text + '"');
  for (net::Address address : found.value()) {
    address.set_port(at.value().port);
    settings.servers.push_back(address);
  }
  return {};
}

// ngx_resolver_create
Result<void> resolver(Loader& loader, const Directive& d) {
  auto& servers = loader.level().own<NameSettings>().servers;
  if (servers) return config::config_error(d, "is duplicate");
  net::NameServerSettings settings;
  for (const std::string& word : d.args) {
    if (word.starts_with("valid=")) {
      settings.valid = config::parse_seconds(std::string_view(word).substr(6));
      if (!settings.valid) return config::error_at(d.at, "invalid parameter: " + word);
    } else if (word.starts_with("ipv6=") || word.starts_with("ipv4=")) {
      const Result<bool> on = switch_of(d, word);
      if (!on.ok()) return on.error();
      (word.starts_with("ipv6=") ? settings.ipv6 : settings.ipv4) = on.value();
    } else if (Result<void> added = add_server(settings, d, word); !added.ok()) {
      return added;
    }
  }
  if (!settings.ipv4 && !settings.ipv6) return config::error_at(d.at, "\"ipv4\" and \"ipv6\" cannot both be \"off\"");
  if (settings.servers.empty()) return config::error_at(d.at, "no name servers defined");
  servers = std::make_shared<DnsService>(std::move(settings));
  return {};
}

constexpr auto None = DirectiveSpec::Body::None;
constexpr unsigned everywhere = rules::Http | rules::Server | rules::Location;

constexpr std::array directives = {
    DirectiveSpec{"resolver", everywhere, 1, rules::any_number, None, &resolver},
    DirectiveSpec{"resolver_timeout", everywhere, 1, 1, None, &rules::set_milliseconds<&NameSettings::timeout>},
};

}  // namespace

net::NameServers& DnsService::here() {
  std::optional<net::NameServers>& mine = clients_.get();
  if (!mine) mine.emplace(async::Loop::current(), settings_);
  return *mine;
}

void describe_resolver(rules::Language& language) { language.add_directives(directives); }

}  // namespace caisson::upstream
