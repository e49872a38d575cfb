#include "gateway/script/map.h"

#include <array>
#include <memory>
#include <optional>
#include <unordered_map>

#include "base/text.h"
#include "rules/checks.h"
#include "rules/loader.h"

namespace caisson::gateway {

using config::Directive;
using rules::DirectiveSpec;
using rules::Loader;

namespace {

class Map {
 public:
  struct Pattern {
    rules::Regex regex;
    std::vector<std::size_t> names;
    rules::Template value;
  };

  rules::Value look_up(rules::RequestState& state) const {
    std::string key = text::lowered(source.expand(state));  // ngx_http_map_find: the hash has no case
    if (hostnames && key.ends_with('.')) key.pop_back();
    if (const auto exact = exact_values.find(key); exact != exact_values.end()) return exact->second.expand(state);
    if (hostnames) {
      if (const rules::Template* found = by_wildcard(key)) return found->expand(state);
    }
    if (!patterns.empty()) {
      const std::string subject = source.expand(state);
      for (const Pattern& pattern : patterns) {
        rules::Captures captures;
        if (pattern.regex.match(subject, &captures) != rules::Regex::Outcome::Match) continue;
        // The value sees this match; whoever asked for the variable keeps the captures it had (CVE-2026-42533).
        std::swap(state.captures, captures);
        for (std::size_t i = 0; i < pattern.names.size(); ++i) {
          state.set_variable(pattern.names[i], state.captures[pattern.regex.names()[i].second]);
        }
        std::string value = pattern.value.expand(state);
        state.captures = std::move(captures);
        return value;
      }
    }
    return otherwise ? otherwise->expand(state) : std::string();
  }

  rules::Template source;
  std::optional<rules::Template> otherwise;  // default
  std::unordered_map<std::string, rules::Template> exact_values;
  std::vector<Pattern> patterns;
  std::vector<std::pair<std::string, rules::Template>> wildcards;
  bool hostnames = false;

 private:
  const rules::Template* by_wildcard(std::string_view key) const {
    const rules::Template* best = nullptr;
    std::size_t best_rank = 0;
    for (const auto& [pattern, value] : wildcards) {
      std::size_t rank = 0;
      if (pattern.starts_with("*.") && key.size() >= pattern.size() &&
          key.ends_with(std::string_view(pattern).substr(1))) {
        rank = 1000 + pattern.size();
      } else if (pattern.starts_with('.') && (key == std::string_view(pattern).substr(1) || key.ends_with(pattern))) {
        rank = 1000 + pattern.size();
      } else if (pattern.ends_with(".*") && key.starts_with(std::string_view(pattern).substr(0, pattern.size() - 1))) {
        rank = pattern.size();
      }
      if (rank > best_rank) {
        best_rank = rank;
        best = &value;
      }
    }
    return best;
  }
};

// "*.example.com", "www.example.*": one star, at one end (ngx_hash_add_key).
bool is_wildcard(std::string_view key) {
  const bool front = key.starts_with("*.") && key.size() > 2;
  const bool back = key.ends_with(".*") && key.size() > 2;
  return (front != back) && key.find('*', 1) == (back ? key.size() - 1 : std::string_view::npos);
}

Result<void> add_pair(Loader& loader, const Directive& pair, Map& map) {
  std::string key = pair.name;
  if (pair.args.size() != 1) {
    return config::error_at(pair.at, "invalid number of the map parameters");
  }
  Result<rules::Template> value = loader.compile(pair.args[0], pair);
  if (!value.ok()) return std::move(value).error();
  if (key == "default") {
    if (map.otherwise) return config::error_at(pair.at, "duplicate default map parameter");
    map.otherwise = std::move(value).value();
    return {};
  }
  if (key.starts_with('~')) {
    const bool no_case = key.starts_with("~*");
    Result<rules::Regex> regex =
        loader.regex(std::string_view(key).substr(no_case ? 2 : 1),
                     no_case ? rules::Regex::Case::Ignored : rules::Regex::Case::Sensitive, pair);
    if (!regex.ok()) return std::move(regex).error();
    auto names = loader.define_captures(regex.value(), pair);
    if (!names.ok()) return std::move(names).error();
    map.patterns.push_back({std::move(regex).value(), std::move(names).value(), std::move(value).value()});
    return {};
  }
  if (key.starts_with('\\')) key.erase(0, 1);
  key = text::lowered(key);
  if (map.hostnames && key.find('*') != std::string::npos && !is_wildcard(key)) {
    return config::error_at(pair.at, "invalid hostname or wildcard \"" + pair.name + '"');
  }
  if (map.hostnames && (key.starts_with('.') || is_wildcard(key))) {
    for (const auto& [other, unused] : map.wildcards) {
      if (other == key) return config::error_at(pair.at, "conflicting parameter \"" + pair.name + '"');
    }
    map.wildcards.emplace_back(std::move(key), std::move(value).value());
    return {};
  }
  if (!map.exact_values.emplace(key, std::move(value).value()).second) {
    return config::error_at(pair.at, "conflicting parameter \"" + pair.name + '"');
  }
  return {};
}

Result<void> add_map(Loader& loader, const Directive& d) {
  auto map = std::make_shared<Map>();
  Result<rules::Template> source = loader.compile(d.args[0], d);
  if (!source.ok()) return std::move(source).error();
  map->source = std::move(source).value();
  bool remembered = true;
  for (const Directive& pair : d.block) {
    if (pair.args.empty() && pair.name == "hostnames") {
      map->hostnames = true;
    } else if (pair.args.empty() && pair.name == "volatile") {
      remembered = false;
    } else if (Result<void> added = add_pair(loader, pair, *map); !added.ok()) {
      loader.note(std::move(added).error());
    }
  }
  const auto made = loader.define_variable(
      d.args[1], d, [map](rules::RequestState& state) { return map->look_up(state); }, remembered);
  return made.ok() ? Result<void>() : Result<void>(made.error());
}

constexpr std::array directives = {
    DirectiveSpec{"map", rules::Http, 2, 2, DirectiveSpec::Body::Required, &add_map},
    DirectiveSpec{"map_hash_max_size", rules::Http, 1, 1, DirectiveSpec::Body::None, rules::check_number,
                  "maps grow as they need"},
    DirectiveSpec{"map_hash_bucket_size", rules::Http, 1, 1, DirectiveSpec::Body::None, rules::check_number,
                  "maps grow as they need"},
};

}  // namespace

void describe_map(rules::Language& language) { language.add_directives(directives); }

}  // namespace caisson::gateway
