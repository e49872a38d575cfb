// ngx_http_proxy_module's directives for its cache. Nothing is cached here: they are checked as nginx checks them, and
// every request goes to its backend, which costs speed alone. Where the cache is what a set-up is for, a mirror that
// follows the redirects of another registry to keep what it finds there, it is refused.

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include "base/text.h"
#include "rules/checks.h"
#include "rules/loader.h"
#include "rules/phases.h"
#include "upstream/directives.h"
#include "upstream/proxy_pass.h"

namespace caisson::upstream {

using config::Directive;
using rules::DirectiveSpec;
using rules::Loader;

namespace {

// The names of all proxy_cache_path's zones.
struct CacheZones {
  std::set<std::string, std::less<>> names;
};

Result<void> cache(Loader& loader, const Directive& d) {
  auto& chosen = own(loader).cache;
  if (chosen) return config::config_error(d, "is duplicate");
  Result<rules::Template> zone = loader.compile(d.args[0], d);
  if (!zone.ok()) return std::move(zone).error();
  chosen = CacheChoice{std::move(zone).value(), d.at};
  return {};
}

// "1:2": up to three levels of one or two characters.
bool valid_levels(std::string_view levels) {
  const auto parts = text::split(levels, ':');
  return parts.size() <= 3 &&
         std::all_of(parts.begin(), parts.end(), [](std::string_view part) { return part == "1" || part == "2"; });
}

// "NAME:SIZE"; the problem, or nothing.
std::string take_zone(CacheZones& zones, std::string_view value) {
  constexpr std::uint64_t least = 2 * 4096;
  const std::size_t colon = value.find(':');
  const std::string_view name = value.substr(0, colon);
  const auto size = colon == std::string_view::npos ? std::nullopt : config::parse_size(value.substr(colon + 1));
  if (!size) return "invalid keys zone size \"keys_zone=" + std::string(value) + '"';
  if (*size < least) return "keys zone \"" + std::string(name) + "\" is too small";
  zones.names.emplace(name);
  return {};
}

// What is wrong with one parameter of proxy_cache_path, or nothing.
std::string problem_with(std::string_view parameter) {
  const std::size_t equals = parameter.find('=');
  const std::string_view name = parameter.substr(0, equals);
  const std::string_view value = equals == std::string_view::npos ? std::string_view() : parameter.substr(equals + 1);
  constexpr std::array<std::string_view, 2> sizes = {"max_size", "min_free"};
  constexpr std::array<std::string_view, 2> numbers = {"manager_files", "loader_files"};
  constexpr std::array<std::string_view, 4> times = {"manager_sleep", "manager_threshold", "loader_sleep",
                                                     "loader_threshold"};
  const auto is_one_of = [&](const auto& list) { return std::find(list.begin(), list.end(), name) != list.end(); };
  bool valid = true;
  if (name == "levels") {
    if (!valid_levels(value)) return "invalid \"levels\" \"" + std::string(parameter) + '"';
  } else if (name == "use_temp_path") {
    if (value == "on" || value == "off") return {};
    return "invalid use_temp_path value \"" + std::string(value) + "\", it must be \"on\" or \"off\"";
  } else if (name == "inactive") {
    valid = config::parse_seconds(value).has_value();
  } else if (is_one_of(sizes)) {
    valid = config::parse_offset(value).has_value();
  } else if (is_one_of(numbers)) {
    valid = config::parse_number(value).has_value();
  } else if (is_one_of(times)) {
    valid = config::parse_milliseconds(value).has_value();
  } else {
    return "invalid parameter \"" + std::string(parameter) + '"';
  }
  return valid ? std::string() : "invalid " + std::string(name) + " value \"" + std::string(parameter) + '"';
}

// ngx_http_file_cache_set_slot
Result<void> cache_path(Loader& loader, const Directive& d) {
  auto& zones = loader.root().own<CacheZones>();
  bool has_zone = false;
  for (std::size_t i = 1; i < d.args.size(); ++i) {
    const std::string_view parameter = d.args[i];
    const bool zone = parameter.starts_with("keys_zone=");
    const std::string problem = zone ? take_zone(zones, parameter.substr(10)) : problem_with(parameter);
    if (!problem.empty()) return config::error_at(d.at, problem);
    has_zone = has_zone || zone;
  }
  if (has_zone) return {};
  return config::error_at(d.at, "\"proxy_cache_path\" must have \"keys_zone\" parameter");
}

// proxy_cache_valid [STATUS | any ...] TIME;
Result<void> cache_valid(Loader&, const Directive& d) {
  if (!config::parse_seconds(d.args.back())) {
    return config::error_at(d.at, "invalid time value \"" + d.args.back() + '"');
  }
  for (std::size_t i = 0; i + 1 < d.args.size(); ++i) {
    const auto status = config::parse_number(d.args[i]);
    if (d.args[i] == "any" || (status && *status >= 100 && *status <= 599)) continue;
    return config::error_at(d.at, "invalid status \"" + d.args[i] + '"');
  }
  return {};
}

// Texts with variables, any number of times. ngx_http_set_predicate_slot
Result<void> predicates(Loader& loader, const Directive& d) {
  for (const std::string& text : d.args) {
    if (Result<rules::Template> compiled = loader.compile(text, d); !compiled.ok()) return compiled.error();
  }
  return {};
}

// error_page catches redirects: the location asks on where they lead.
bool chases_redirects(const rules::Level& level) {
  if (!level.get<ProxySettings>().intercept_errors.value_or(false)) return false;
  const auto& paged = level.get<rules::PagedStatuses>();
  constexpr std::array<unsigned, 5> redirects = {301, 302, 303, 307, 308};
  return std::any_of(redirects.begin(), redirects.end(), [&](unsigned status) { return paged.has(status); });
}

Result<void> settle_caches(Loader& loader, rules::Level&) {
  const CacheZones& zones = loader.root().own<CacheZones>();
  const CacheChoice* first = nullptr;
  for (const auto& pass : Proxying::of(loader).passes) {
    const auto& chosen = pass->level().get<ProxySettings>().cache;
    if (!chosen || chosen->zone.source() == "off") continue;
    if (chosen->zone.constant() && zones.names.count(chosen->zone.source()) == 0) {
      loader.note(config::error_at(chosen->at, "\"proxy_cache\" zone \"" + chosen->zone.source() + "\" is unknown",
                                   "name it in \"keys_zone=\" of a \"proxy_cache_path\""));
    } else if (chases_redirects(pass->level())) {
      loader.note(config::error_at(pass->at(),
                                   "\"proxy_cache\" is not supported where \"error_page\" follows redirects (" +
                                       chosen->at.file + ':' + std::to_string(chosen->at.line) + ')',
                                   "without its cache this mirror would fetch everything anew for each client; write "
                                   "\"proxy_cache off;\" to have "
                                   "that, or let clients use a registry with \"proxy.remoteurl\""));
    } else if (first == nullptr) {
      first = &*chosen;
    }
  }
  if (first != nullptr) {
    loader.warn(first->at, "\"proxy_cache\": NOTHING IS CACHED, every request goes to its backend");
  }
  return {};
}

constexpr std::string_view no_cache = "answers are not cached";
constexpr std::array<std::string_view, 3> methods = {"GET", "HEAD", "POST"};
constexpr std::array<std::string_view, 12> troubles = {"error",    "timeout",  "invalid_header", "updating",
                                                       "http_500", "http_502", "http_503",       "http_504",
                                                       "http_403", "http_404", "http_429",       "off"};

constexpr auto None = DirectiveSpec::Body::None;
constexpr unsigned anywhere = rules::Http | rules::Server | rules::Location;

constexpr std::array directives = {
    DirectiveSpec{"proxy_cache", anywhere, 1, 1, None, &cache, no_cache},
    DirectiveSpec{"proxy_cache_path", rules::Http, 2, rules::any_number, None, &cache_path, no_cache},
    DirectiveSpec{"proxy_cache_key", anywhere, 1, 1, None, &rules::check_template, no_cache},
    DirectiveSpec{"proxy_cache_valid", anywhere, 1, rules::any_number, None, &cache_valid, no_cache},
    DirectiveSpec{"proxy_cache_bypass", anywhere, 1, rules::any_number, None, &predicates, no_cache},
    DirectiveSpec{"proxy_no_cache", anywhere, 1, rules::any_number, None, &predicates, no_cache},
    DirectiveSpec{"proxy_cache_methods", anywhere, 1, 3, None, &rules::check_words<methods>, no_cache},
    DirectiveSpec{"proxy_cache_use_stale", anywhere, 1, rules::any_number, None, &rules::check_words<troubles>,
                  no_cache},
    DirectiveSpec{"proxy_cache_min_uses", anywhere, 1, 1, None, rules::check_number, no_cache},
    DirectiveSpec{"proxy_cache_max_range_offset", anywhere, 1, 1, None, rules::check_offset, no_cache},
    DirectiveSpec{"proxy_cache_lock", anywhere, 1, 1, None, rules::check_flag, no_cache},
    DirectiveSpec{"proxy_cache_lock_timeout", anywhere, 1, 1, None, rules::check_milliseconds, no_cache},
    DirectiveSpec{"proxy_cache_lock_age", anywhere, 1, 1, None, rules::check_milliseconds, no_cache},
    DirectiveSpec{"proxy_cache_revalidate", anywhere, 1, 1, None, rules::check_flag, no_cache},
    DirectiveSpec{"proxy_cache_background_update", anywhere, 1, 1, None, rules::check_flag, no_cache},
    DirectiveSpec{"proxy_cache_convert_head", anywhere, 1, 1, None, rules::check_flag, no_cache},
};

}  // namespace

void describe_cache_directives(rules::Language& language) {
  language.add_directives(directives);
  language.add_finish(&settle_caches);
}

}  // namespace caisson::upstream
