#include "gateway/access/referers.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "gateway/virtual_hosts.h"
#include "rules/loader.h"

namespace caisson::gateway {

using config::Directive;
using rules::DirectiveSpec;
using rules::Loader;
using rules::RequestState;

namespace {

// A name as server_name has it: exact, ".example.org", "*.example.org", "www.example.*".
struct SitePattern {
  std::string text;  // lower case
  std::string path;  // what the page's path begins with; "": any

  // How well it fits a host: 0 not at all; exact beats a wildcard in front, that beats one behind, longer ones first.
  std::size_t fit(std::string_view host) const {
    constexpr std::size_t exact = 100'000;
    constexpr std::size_t in_front = 10'000;
    if (host == text) return exact;
    if (text.starts_with("*.") && host.size() > text.size() - 1 && host.ends_with(text.substr(1))) {
      return in_front + text.size();
    }
    if (text.starts_with('.') && (host == text.substr(1) || host.ends_with(text))) return in_front + text.size();
    if (text.ends_with(".*") && host.size() > text.size() - 1 && host.starts_with(text.substr(0, text.size() - 1))) {
      return text.size();
    }
    return 0;
  }
};

struct Referers {
  bool none = false;     // a request without the field is fine
  bool blocked = false;  // and so is a field that a proxy has made unreadable
  bool server_names = false;
  std::vector<SitePattern> sites;
  std::vector<rules::Regex> regexes;

  bool says_nothing() const { return sites.empty() && regexes.empty() && !server_names; }
};

struct RefererSettings {
  std::optional<Referers> valid;
  void inherit(const RefererSettings& outer) { rules::inherit(valid, outer.valid); }
};

bool matches(const rules::Regex& regex, std::string_view text) {
  return regex.match(text, nullptr) == rules::Regex::Outcome::Match;
}

// Host and what follows it, of a URL with its scheme.
std::optional<std::string_view> without_scheme(std::string_view url) {
  constexpr std::size_t shortest = 11;  // nginx's "http://i.ru"
  if (url.size() < shortest) return std::nullopt;
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (text::iequals(url.substr(0, scheme.size()), scheme)) return url.substr(scheme.size());
  }
  return std::nullopt;
}

const std::vector<ServerName>& names_of(const RequestState& state) {
  static const std::vector<ServerName> no_names;
  const VirtualHost* host = state.server->get<HostOfLevel>().host;
  return host != nullptr ? host->names : no_names;
}

// ngx_http_referer_variable
bool is_valid(RequestState& state, const Referers& valid) {
  if (valid.says_nothing()) return true;
  const std::string* referer = state.exchange.request().headers.find("Referer");
  if (referer == nullptr) return valid.none;
  const auto address = without_scheme(*referer);
  if (!address) return valid.blocked;
  const std::size_t end = std::min(address->find_first_of("/:"), address->size());
  constexpr std::size_t longest_host = 256;
  if (end > longest_host) return false;
  const std::string host = text::lowered(address->substr(0, end));

  const SitePattern* best = nullptr;
  for (const SitePattern& site : valid.sites) {
    const std::size_t fit = site.fit(host);
    if (fit != 0 && (best == nullptr || fit > best->fit(host))) best = &site;
  }
  if (best != nullptr) {
    const std::size_t path = std::min(address->find('/', end), address->size());
    return address->substr(path).starts_with(best->path);
  }
  if (valid.server_names) {
    for (const ServerName& name : names_of(state)) {
      if (name.regex ? matches(*name.regex, host) : SitePattern{name.text, ""}.fit(host) != 0) return true;
    }
  }
  return std::any_of(valid.regexes.begin(), valid.regexes.end(),
                     [&](const rules::Regex& regex) { return matches(regex, *address); });
}

rules::Value invalid_referer(RequestState& state, std::string_view) {
  const auto& valid = state.settings<RefererSettings>().valid;
  return !valid || is_valid(state, *valid) ? "" : "1";
}

// A host name, with a wildcard at one end at most.
bool is_site(std::string_view text) {
  if (text.starts_with("*.")) text.remove_prefix(2);
  if (text.starts_with('.')) text.remove_prefix(1);
  if (text.ends_with(".*")) text.remove_suffix(2);
  return !text.empty() && text.find('*') == std::string_view::npos && text.find("..") == std::string_view::npos;
}

Result<void> add_site(const Directive& d, const std::string& word, Referers& valid) {
  const std::size_t slash = std::min(word.find('/'), word.size());
  SitePattern site{text::lowered(word.substr(0, slash)), word.substr(slash)};
  if (!is_site(site.text)) {
    return config::error_at(d.at, "invalid hostname or wildcard \"" + word.substr(0, slash) + '"');
  }
  const bool known = std::any_of(valid.sites.begin(), valid.sites.end(),
                                 [&](const SitePattern& other) { return other.text == site.text; });
  if (known) return config::error_at(d.at, "conflicting parameter \"" + word.substr(0, slash) + '"');
  valid.sites.push_back(std::move(site));
  return {};
}

Result<void> add_referers(Loader& loader, const Directive& d) {
  auto& settings = loader.level().own<RefererSettings>().valid;
  if (!settings) settings.emplace();
  for (const std::string& word : d.args) {
    if (word.empty()) return config::error_at(d.at, "invalid referer \"\"");
    if (word == "none") {
      settings->none = true;
    } else if (word == "blocked") {
      settings->blocked = true;
    } else if (word == "server_names") {
      settings->server_names = true;
    } else if (word.starts_with('~')) {
      Result<rules::Regex> regex = loader.regex(word.substr(1), rules::Regex::Case::Ignored, d);
      if (!regex.ok()) return std::move(regex).error();
      settings->regexes.push_back(std::move(regex).value());
    } else if (Result<void> added = add_site(d, word, *settings); !added.ok()) {
      return added;
    }
  }
  return {};
}

constexpr std::array directives = {
    DirectiveSpec{"valid_referers", rules::Server | rules::Location, 1, rules::any_number, DirectiveSpec::Body::None,
                  &add_referers},
};

constexpr std::array variables = {
    rules::VariableSpec{"invalid_referer", &invalid_referer},
};

}  // namespace

void describe_referers(rules::Language& language) {
  language.add_directives(directives);
  language.add_settable_variables(variables);
}

}  // namespace caisson::gateway
