#include "gateway/locations.h"

#include <algorithm>
#include <array>

namespace caisson::gateway {

using config::Directive;
using rules::DirectiveSpec;
using rules::Loader;

// ngx_http_core_find_location: the longest prefix first, then, unless it is exact or "^~", the first regex of this
// block; and the same again inside what was found.
FoundLocation find_location(const rules::Level& level, std::string_view path, rules::RequestState& state) {
  const Location* longest = nullptr;
  for (const auto& candidate : level.get<Locations>().all) {
    const std::string& text = candidate->text;
    if (candidate->kind == Location::Kind::Exact) {
      if (path == text) return {candidate.get(), false};
    } else if (candidate->kind == Location::Kind::Prefix || candidate->kind == Location::Kind::StrongPrefix) {
      if (path.starts_with(text) && (longest == nullptr || text.size() > longest->text.size()))
        longest = candidate.get();
    }
  }
  bool strong = false;
  FoundLocation found{longest, false};
  if (longest != nullptr) {
    strong = longest->kind == Location::Kind::StrongPrefix;
    if (const FoundLocation inside = find_location(*longest->level, path, state); inside.location != nullptr) {
      if (inside.missing_slash || inside.location->kind == Location::Kind::Exact ||
          inside.location->kind == Location::Kind::Regex) {
        return inside;
      }
      found = inside;
      strong = inside.location->kind == Location::Kind::StrongPrefix;
    }
  }
  if (longest == nullptr || longest->text.size() != path.size()) {
    for (const auto& candidate : level.get<Locations>().all) {
      const std::string& text = candidate->text;
      const bool prefix = candidate->kind == Location::Kind::Prefix || candidate->kind == Location::Kind::StrongPrefix;
      if (prefix && text.size() == path.size() + 1 && text.ends_with('/') && text.starts_with(path) &&
          candidate->level->get<rules::Content>().handler) {
        return {candidate.get(), true};
      }
    }
  }
  if (strong) return found;
  for (const auto& candidate : level.get<Locations>().all) {
    if (candidate->kind != Location::Kind::Regex) continue;
    rules::Captures captures;
    if (candidate->regex->match(path, &captures) != rules::Regex::Outcome::Match) continue;
    state.captures = std::move(captures);
    for (std::size_t i = 0; i < candidate->captures.size(); ++i) {
      state.set_variable(candidate->captures[i], state.captures[candidate->regex->names()[i].second]);
    }
    const FoundLocation inside = find_location(*candidate->level, path, state);
    return inside.location != nullptr ? inside : FoundLocation{candidate.get(), false};
  }
  return found;
}

const Location* find_named_location(const rules::Level& server, std::string_view name) {
  for (const auto& candidate : server.get<Locations>().all) {
    if (candidate->kind == Location::Kind::Named && candidate->text == name) return candidate.get();
  }
  return nullptr;
}

namespace {

// The modifier may stand apart ("= /x") or, as nginx allows, together with the text ("=/x").
Result<void> read_pattern(Loader& loader, const Directive& d, Location& location) {
  std::string_view modifier;
  std::string_view text = d.args[0];
  if (d.args.size() == 2) {
    modifier = d.args[0];
    text = d.args[1];
  } else {
    for (const std::string_view m : {"~*", "^~", "=", "~"}) {
      if (!text.starts_with(m)) continue;
      modifier = m;
      text.remove_prefix(m.size());
      break;
    }
  }
  location.text = text;
  if (modifier == "=") {
    location.kind = Location::Kind::Exact;
  } else if (modifier == "^~") {
    location.kind = Location::Kind::StrongPrefix;
  } else if (modifier == "~" || modifier == "~*") {
    location.kind = Location::Kind::Regex;
    const auto letters = modifier == "~" ? rules::Regex::Case::Sensitive : rules::Regex::Case::Ignored;
    Result<rules::Regex> regex = loader.regex(text, letters, d);
    if (!regex.ok()) return std::move(regex).error();
    auto captures = loader.define_captures(regex.value(), d);
    if (!captures.ok()) return std::move(captures).error();
    location.captures = std::move(captures).value();
    location.regex = std::move(regex).value();
  } else if (!modifier.empty()) {
    return config::error_at(d.at, "invalid location modifier \"" + std::string(modifier) + '"');
  } else if (text.starts_with('@')) {
    location.kind = Location::Kind::Named;
  }
  return {};
}

Result<void> check_place(Loader& loader, const Directive& d, const Location& location) {
  const auto* outer = loader.level().own<OwnLocation>().location;
  const auto refuse = [&](const std::string& why) { return config::error_at(d.at, why); };
  const std::string quoted = '"' + location.text + '"';
  if (outer != nullptr) {
    const std::string outer_quoted = '"' + outer->text + '"';
    if (outer->kind == Location::Kind::Exact) {
      return refuse("location " + quoted + " cannot be inside the exact location " + outer_quoted);
    }
    if (outer->kind == Location::Kind::Named) {
      return refuse("location " + quoted + " cannot be inside the named location " + outer_quoted);
    }
    if (location.kind == Location::Kind::Named) {
      return refuse("named location " + quoted + " can be on the server level only");
    }
    if (location.kind != Location::Kind::Regex && !location.text.starts_with(outer->text)) {
      return refuse("location " + quoted + " is outside location " + outer_quoted);
    }
  }
  for (const auto& other : loader.level().own<Locations>().all) {
    const bool same_kind = other->kind == location.kind ||
                           (other->kind == Location::Kind::Prefix && location.kind == Location::Kind::StrongPrefix) ||
                           (other->kind == Location::Kind::StrongPrefix && location.kind == Location::Kind::Prefix);
    const bool compared = location.kind != Location::Kind::Regex && location.kind != Location::Kind::Named;
    if (same_kind && compared && other->text == location.text) {
      return refuse("duplicate location " + quoted);
    }
  }
  return {};
}

Result<void> add_location(Loader& loader, const Directive& d) {
  auto location = std::make_unique<Location>();
  if (Result<void> read = read_pattern(loader, d, *location); !read.ok()) return read;
  if (Result<void> place = check_place(loader, d, *location); !place.ok()) return place;
  Location* made = location.get();
  loader.level().own<Locations>().all.push_back(std::move(location));
  loader.read_block(d, rules::Location, [made](rules::Level& level) {
    made->level = &level;
    level.own<OwnLocation>().location = made;
    if (made->kind != Location::Kind::Regex && made->kind != Location::Kind::Named) {
      level.own<rules::LocationPrefix>().path = made->text;
    }
  });
  return {};
}

constexpr std::array directives = {
    DirectiveSpec{"location", rules::Server | rules::Location, 1, 2, DirectiveSpec::Body::Required, &add_location},
};

}  // namespace

void describe_locations(rules::Language& language) { language.add_directives(directives); }

}  // namespace caisson::gateway
