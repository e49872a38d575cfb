// ngx_http_proxy_module's directives for what comes back: headers, Location, cookies, and the backend's orders.

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "rules/loader.h"
#include "rules/phases.h"
#include "rules/setters.h"
#include "upstream/directives.h"
#include "upstream/facts.h"
#include "upstream/settings.h"

namespace caisson::upstream {

using config::Directive;
using rules::DirectiveSpec;
using rules::Loader;

namespace {

template <auto Member>
Result<void> add_name(Loader& loader, const Directive& d) {
  auto& names = own(loader).*Member;
  if (!names) names.emplace();
  names->push_back(d.args[0]);
  return {};
}

// PATTERN REPLACEMENT, where the pattern may be a regex: "~..." or "~*...".
Result<RewriteRule> rewrite_rule(Loader& loader, const Directive& d, bool letters_matter) {
  RewriteRule rule;
  std::string_view pattern = d.args[0];
  if (pattern.starts_with('~')) {
    pattern.remove_prefix(1);
    const bool ignored = pattern.starts_with('*') || !letters_matter;
    if (pattern.starts_with('*')) pattern.remove_prefix(1);
    Result<rules::Regex> regex =
        loader.regex(pattern, ignored ? rules::Regex::Case::Ignored : rules::Regex::Case::Sensitive, d);
    if (!regex.ok()) return std::move(regex).error();
    rule.pattern = std::move(regex).value();
  } else {
    Result<rules::Template> text = loader.compile(pattern, d);
    if (!text.ok()) return std::move(text).error();
    rule.pattern = std::move(text).value();
  }
  Result<rules::Template> replacement = loader.compile(d.args[1], d);
  if (!replacement.ok()) return std::move(replacement).error();
  rule.replacement = std::move(replacement).value();
  return rule;
}

template <auto Member>
Result<void> add_rewrite_rule(Loader& loader, const Directive& d) {
  auto& rules = own(loader).*Member;
  if (rules && rules->empty()) return config::config_error(d, "is duplicate");  // "off" stands alone
  if (d.args.size() == 2) {
    Result<RewriteRule> rule = rewrite_rule(loader, d, Member == &ProxySettings::redirects);
    if (!rule.ok()) return std::move(rule).error();
    if (!rules) rules.emplace();
    rules->push_back(std::move(rule).value());
    return {};
  }
  if (d.args[0] == "off" && !rules) {
    rules.emplace();
    return {};
  }
  if (d.args[0] == "default" && Member == &ProxySettings::redirects) {
    if (!rules) rules.emplace();
    rules->emplace_back();
    return {};
  }
  return config::error_at(d.at, "invalid parameter \"" + d.args[0] + '"');
}

Result<void> cookie_flags(Loader& loader, const Directive& d) {
  auto& all = own(loader).cookie_flags;
  if (all && all->empty()) return config::config_error(d, "is duplicate");  // "off" stands alone
  if (d.args.size() == 1) {
    if (d.args[0] != "off" || all) return config::error_at(d.at, "invalid parameter \"" + d.args[0] + '"');
    all.emplace();
    return {};
  }
  CookieFlags flags;
  if (d.args[0].starts_with('~')) {
    Result<rules::Regex> name = loader.regex(std::string_view(d.args[0]).substr(1), rules::Regex::Case::Ignored, d);
    if (!name.ok()) return std::move(name).error();
    flags.cookie = std::move(name).value();
  } else {
    Result<rules::Template> name = loader.compile(d.args[0], d);
    if (!name.ok()) return std::move(name).error();
    flags.cookie = std::move(name).value();
  }
  for (std::size_t i = 1; i < d.args.size(); ++i) {
    if (!flags.take(d.args[i])) return config::error_at(d.at, "invalid parameter \"" + d.args[i] + '"');
  }
  if (!all) all.emplace();
  all->push_back(std::move(flags));
  return {};
}

Result<void> ignore_headers(Loader& loader, const Directive& d) {
  constexpr std::array<std::pair<std::string_view, unsigned>, 9> known{{{"X-Accel-Redirect", IgnoreRedirect},
                                                                        {"X-Accel-Expires", IgnoreExpires},
                                                                        {"X-Accel-Limit-Rate", IgnoreLimitRate},
                                                                        {"X-Accel-Buffering", IgnoreBuffering},
                                                                        {"X-Accel-Charset", IgnoreCharset},
                                                                        {"Expires", IgnoreExpires},
                                                                        {"Cache-Control", IgnoreExpires},
                                                                        {"Set-Cookie", IgnoreExpires},
                                                                        {"Vary", IgnoreExpires}}};
  auto& ignored = own(loader).ignored_orders;
  if (ignored) return config::config_error(d, "is duplicate");
  ignored = 0;
  for (const std::string& word : d.args) {
    const auto* found =
        std::find_if(known.begin(), known.end(), [&](const auto& one) { return text::iequals(one.first, word); });
    if (found == known.end()) return config::error_at(d.at, "invalid value \"" + word + '"');
    *ignored |= found->second;
  }
  return {};
}

// X-Accel-Redirect: what the backend that sent the request on said counts more than what is known of the answer here.
class CarryHeaders final : public rules::ResponseStage {
 public:
  void edit(rules::RequestState& state, http::ResponseHead& head) const override {
    const http::Headers& carried = state.data<Facts>().carried;
    if (carried.has("Content-Type")) head.headers.remove("Content-Type");
    for (const http::HeaderField& field : carried) head.headers.add(field.name, field.value);
  }
};

constexpr auto None = DirectiveSpec::Body::None;
constexpr unsigned anywhere = rules::Http | rules::Server | rules::Location;
using S = ProxySettings;

constexpr std::array directives = {
    DirectiveSpec{"proxy_hide_header", anywhere, 1, 1, None, &add_name<&S::hide_headers>},
    DirectiveSpec{"proxy_pass_header", anywhere, 1, 1, None, &add_name<&S::pass_headers>},
    DirectiveSpec{"proxy_ignore_headers", anywhere, 1, rules::any_number, None, &ignore_headers},
    DirectiveSpec{"proxy_redirect", anywhere, 1, 2, None, &add_rewrite_rule<&S::redirects>},
    DirectiveSpec{"proxy_repair_location", anywhere, 1, 1, None, &rules::set_flag<&S::repair_location>},
    DirectiveSpec{"proxy_cookie_path", anywhere, 1, 2, None, &add_rewrite_rule<&S::cookie_paths>},
    DirectiveSpec{"proxy_cookie_domain", anywhere, 1, 2, None, &add_rewrite_rule<&S::cookie_domains>},
    DirectiveSpec{"proxy_cookie_flags", anywhere, 1, 4, None, &cookie_flags},
    DirectiveSpec{"proxy_force_ranges", anywhere, 1, 1, None, &rules::set_flag<&S::force_ranges>},
    DirectiveSpec{"proxy_intercept_errors", anywhere, 1, 1, None, &rules::set_flag<&S::intercept_errors>},
};

}  // namespace

void describe_response_directives(rules::Language& language) {
  language.add_directives(directives);
  language.add_response_stage(std::make_unique<CarryHeaders>());
}

}  // namespace caisson::upstream
