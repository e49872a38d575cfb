#include "gateway/answers/gzip_acceptance.h"

#include <array>
#include <ctime>
#include <memory>
#include <optional>
#include <vector>

#include "base/text.h"
#include "gateway/answers/http_date.h"
#include "rules/loader.h"
#include "rules/setters.h"

namespace caisson::gateway {

using config::Directive;
using rules::DirectiveSpec;
using rules::Loader;
using rules::RequestState;

namespace {

// gzip_proxied: for which answers a client behind a proxy (one that sends Via) may get gzip.
enum Proxied : unsigned {
  Expired = 1U << 0,
  NoCache = 1U << 1,
  NoStore = 1U << 2,
  Private = 1U << 3,
  NoLastModified = 1U << 4,
  NoEtag = 1U << 5,
  Authorized = 1U << 6,
  Any = 1U << 7,
};

struct AcceptanceSettings {
  std::optional<http::Version> least_version;
  std::optional<unsigned> proxied;  // 0: off
  struct Disabled {
    std::vector<rules::Regex> agents;
    bool msie6 = false;
  };
  std::optional<Disabled> disabled;
  std::optional<bool> vary;

  void inherit(const AcceptanceSettings& outer) {
    rules::inherit(least_version, outer.least_version);
    rules::inherit(proxied, outer.proxied);
    rules::inherit(disabled, outer.disabled);
    rules::inherit(vary, outer.vary);
  }
};

struct Negotiation {
  std::optional<bool> gzip;
  bool depends_on_encoding = false;
};

// "0", "0.5", "1.000" in thousandths; what is no number of that form counts as 0.
unsigned quality(std::string_view text) {
  text = text.substr(0, text.find_first_of(", "));
  if (text.empty() || (text[0] != '0' && text[0] != '1')) return 0;
  const bool one = text[0] == '1';
  text.remove_prefix(1);
  if (text.empty()) return one ? 1000 : 0;
  if (text[0] != '.' || text.size() > 4) return 0;
  unsigned sum = 0;
  for (const char c : text.substr(1)) {
    if (!text::is_digit(c)) return 0;
    sum += static_cast<unsigned>(c - '0');
  }
  return one ? (sum == 0 ? 1000 : 0) : sum;
}

// Internet Explorer up to 6, but for 6 with Windows XP's Service Pack 2 (ngx_http_process_user_agent).
bool is_msie6(std::string_view agent) {
  const std::size_t at = agent.find("MSIE ");
  if (at == std::string_view::npos || at + 7 >= agent.size() || agent[at + 6] != '.') return false;
  const char version = agent[at + 5];
  return version == '4' || version == '5' || (version == '6' && agent.find("SV1", at + 8) == std::string_view::npos);
}

bool allowed_behind_proxy(unsigned proxied, const http::Headers& request, const http::Headers& answer) {
  if (proxied == 0) return false;
  if ((proxied & Any) != 0) return true;
  if ((proxied & Authorized) != 0 && request.has("Authorization")) return true;
  if (const std::string* expires = answer.find("Expires")) {
    if ((proxied & Expired) == 0) return false;
    const auto until = parse_http_date(*expires);
    const std::string* date = answer.find("Date");
    const auto now = date != nullptr ? parse_http_date(*date) : std::optional<std::time_t>(std::time(nullptr));
    return until && now && *until < *now;
  }
  if (answer.has("Cache-Control")) {
    return ((proxied & NoCache) != 0 && answer.lists("Cache-Control", "no-cache")) ||
           ((proxied & NoStore) != 0 && answer.lists("Cache-Control", "no-store")) ||
           ((proxied & Private) != 0 && answer.lists("Cache-Control", "private"));
  }
  if ((proxied & NoLastModified) != 0 && answer.has("Last-Modified")) return false;
  return (proxied & NoEtag) == 0 || !answer.has("ETag");
}

bool decide(RequestState& state, const http::ResponseHead& head) {
  const AcceptanceSettings& settings = state.settings<AcceptanceSettings>();
  const http::RequestHead& request = state.exchange.request();
  const std::string* accepted = request.headers.find("Accept-Encoding");
  if (accepted == nullptr || !accepts_gzip(*accepted)) return false;
  const std::string* agent = request.headers.find("User-Agent");
  if (settings.disabled && settings.disabled->msie6 && agent != nullptr && is_msie6(*agent)) return false;
  if (request.version < settings.least_version.value_or(http::Version::Http11)) return false;
  if (request.headers.has("Via") &&
      !allowed_behind_proxy(settings.proxied.value_or(0), request.headers, head.headers)) {
    return false;
  }
  if (!settings.disabled || agent == nullptr) return true;
  for (const rules::Regex& disabled : settings.disabled->agents) {
    if (disabled.match(*agent, nullptr) != rules::Regex::Outcome::NoMatch) return false;
  }
  return true;
}

}  // namespace

bool accepts_gzip(std::string_view list) {
  const std::string lower = text::lowered(list);
  std::size_t at = lower.find("gzip");
  while (at != std::string::npos && at > 0 && lower[at - 1] != ',' && lower[at - 1] != ' ') {
    at = lower.find("gzip", at + 4);
  }
  if (at == std::string::npos) return false;
  std::string_view rest = std::string_view(lower).substr(at + 4);
  const auto skip_spaces = [&rest] {
    while (rest.starts_with(' ')) rest.remove_prefix(1);
  };
  skip_spaces();
  if (rest.empty() || rest[0] == ',') return true;
  if (rest[0] != ';') return false;
  rest.remove_prefix(1);
  skip_spaces();
  if (rest.empty()) return true;
  if (!rest.starts_with("q=")) return false;
  return quality(rest.substr(2)) != 0;
}

bool may_gzip(RequestState& state, const http::ResponseHead& head) {
  std::optional<bool>& known = state.data<Negotiation>().gzip;
  if (!known) known = decide(state, head);
  return *known;
}

void depends_on_encoding(RequestState& state) { state.data<Negotiation>().depends_on_encoding = true; }

bool says_vary(const RequestState& state) { return state.settings<AcceptanceSettings>().vary.value_or(false); }

namespace {

class Vary final : public rules::ResponseStage {
 public:
  void edit(RequestState& state, http::ResponseHead& head) const override {
    if (says_vary(state) && state.data<Negotiation>().depends_on_encoding) head.headers.add("Vary", "Accept-Encoding");
  }
};

Result<void> set_version(Loader& loader, const Directive& d) {
  auto& version = loader.level().own<AcceptanceSettings>().least_version;
  if (version) return config::config_error(d, "is duplicate");
  if (d.args[0] != "1.0" && d.args[0] != "1.1") return config::error_at(d.at, "invalid value \"" + d.args[0] + '"');
  version = d.args[0] == "1.0" ? http::Version::Http10 : http::Version::Http11;
  return {};
}

Result<void> set_proxied(Loader& loader, const Directive& d) {
  static constexpr std::array<std::pair<std::string_view, unsigned>, 9> all = {{{"off", 0},
                                                                                {"expired", Expired},
                                                                                {"no-cache", NoCache},
                                                                                {"no-store", NoStore},
                                                                                {"private", Private},
                                                                                {"no_last_modified", NoLastModified},
                                                                                {"no_etag", NoEtag},
                                                                                {"auth", Authorized},
                                                                                {"any", Any}}};
  auto& proxied = loader.level().own<AcceptanceSettings>().proxied;
  if (!proxied) proxied = 0;
  for (const std::string& arg : d.args) {
    bool known = false;
    for (const auto& [name, bit] : all) {
      if (arg != name) continue;
      if (bit != 0 && (*proxied & bit) != 0) loader.warn(d.at, "duplicate value \"" + arg + '"');
      *proxied |= bit;
      known = true;
    }
    if (!known) return config::error_at(d.at, "invalid value \"" + arg + '"');
  }
  return {};
}

Result<void> set_disable(Loader& loader, const Directive& d) {
  auto& disabled = loader.level().own<AcceptanceSettings>().disabled;
  if (!disabled) disabled.emplace();
  for (const std::string& arg : d.args) {
    if (arg == "msie6") {
      disabled->msie6 = true;
      continue;
    }
    Result<rules::Regex> regex = loader.regex(arg, rules::Regex::Case::Ignored, d);
    if (!regex.ok()) return std::move(regex).error();
    disabled->agents.push_back(std::move(regex).value());
  }
  return {};
}

constexpr unsigned everywhere = rules::Http | rules::Server | rules::Location;
constexpr auto none = DirectiveSpec::Body::None;

constexpr std::array directives = {
    DirectiveSpec{"gzip_http_version", everywhere, 1, 1, none, &set_version},
    DirectiveSpec{"gzip_proxied", everywhere, 1, rules::any_number, none, &set_proxied},
    DirectiveSpec{"gzip_disable", everywhere, 1, rules::any_number, none, &set_disable},
    DirectiveSpec{"gzip_vary", everywhere, 1, 1, none, &rules::set_flag<&AcceptanceSettings::vary>},
};

}  // namespace

void describe_gzip_acceptance(rules::Language& language) {
  language.add_directives(directives);
  language.add_response_stage(std::make_unique<Vary>());
}

}  // namespace caisson::gateway
