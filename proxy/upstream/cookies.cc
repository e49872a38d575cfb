#include "upstream/cookies.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"

namespace caisson::upstream {

namespace {

// "name=value", "Path=/", "Secure": the first one is the cookie itself.
struct Attribute {
  std::string name;
  std::optional<std::string> value;
};

std::vector<Attribute> parse(std::string_view header) {
  std::vector<Attribute> attributes;
  for (const std::string_view part : text::split(header, ';')) {
    const std::string_view trimmed = text::trimmed(part, " ");
    const std::size_t equals = trimmed.find('=');
    Attribute attribute{std::string(text::trimmed(trimmed.substr(0, equals), " ")), std::nullopt};
    if (equals != std::string_view::npos) attribute.value = text::trimmed(trimmed.substr(equals + 1), " ");
    attributes.push_back(std::move(attribute));
  }
  return attributes;
}

std::string join(const std::vector<Attribute>& attributes) {
  std::string made;
  for (const Attribute& attribute : attributes) {
    if (!made.empty()) made += "; ";
    made += attribute.name;
    if (attribute.value) made.append("=").append(*attribute.value);
  }
  return made;
}

// A cookie's Domain: the whole of it fits or not. A dot at its front means nothing (RFC 6265 section 5.2.3) and stays;
// at the front of what a directive says it is as if it were not there.
std::optional<std::string> rewritten_domain(std::string_view value, const std::vector<RewriteRule>& rules,
                                            rules::RequestState& state) {
  const std::string dot = value.starts_with('.') ? "." : "";
  for (const RewriteRule& rule : rules) {
    if (std::holds_alternative<rules::Regex>(rule.pattern)) {
      if (auto made = rewritten(value, 0, {&rule, 1}, {}, state)) return made;
    } else if (const auto* pattern = std::get_if<rules::Template>(&rule.pattern)) {
      std::string wanted = pattern->expand(state);
      if (wanted.starts_with('.')) wanted.erase(0, 1);
      if (!text::iequals(wanted, value.substr(dot.size()))) continue;
      const std::string made = rule.replacement.expand(state);
      return dot + (rule.replacement.source().starts_with('.') ? made.substr(1) : made);
    }
  }
  return std::nullopt;
}

void set_flag(std::vector<Attribute>& attributes, std::string_view name, std::optional<bool> wanted) {
  if (!wanted) return;
  const auto found = std::find_if(attributes.begin() + 1, attributes.end(),
                                  [&](const Attribute& one) { return text::iequals(one.name, name); });
  if (!*wanted && found != attributes.end()) attributes.erase(found);
  if (*wanted && found == attributes.end()) attributes.push_back({std::string(name), std::nullopt});
}

void set_same_site(std::vector<Attribute>& attributes, std::optional<SameSite> wanted) {
  if (!wanted) return;
  constexpr std::array<std::string_view, 4> names = {"", "Strict", "Lax", "None"};
  const std::string_view value = names[static_cast<std::size_t>(*wanted)];
  const auto found = std::find_if(attributes.begin() + 1, attributes.end(),
                                  [](const Attribute& one) { return text::iequals(one.name, "samesite"); });
  if (found == attributes.end()) {
    if (!value.empty()) attributes.push_back({"SameSite", std::string(value)});
  } else if (value.empty()) {
    attributes.erase(found);
  } else if (!found->value || !text::iequals(*found->value, value)) {
    *found = {"SameSite", std::string(value)};
  }
}

bool is_for(const CookieFlags& flags, const std::string& cookie, rules::RequestState& state) {
  if (const auto* regex = std::get_if<rules::Regex>(&flags.cookie)) {
    return regex->match(cookie, nullptr) == rules::Regex::Outcome::Match;
  }
  return text::iequals(std::get<rules::Template>(flags.cookie).expand(state), cookie);
}

// False when no rule is for this cookie.
bool set_flags(std::vector<Attribute>& attributes, const std::vector<CookieFlags>& all, rules::RequestState& state) {
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const CookieFlags& one) { return is_for(one, attributes.front().name, state); });
  if (found == all.end()) return false;
  set_flag(attributes, "Secure", found->secure);
  set_flag(attributes, "HttpOnly", found->http_only);
  set_same_site(attributes, found->same_site);
  return true;  // put together anew even where nothing was changed, as nginx does
}

}  // namespace

bool CookieFlags::take(std::string_view flag) {
  constexpr std::array<std::pair<std::string_view, SameSite>, 4> sites{{{"samesite=strict", SameSite::Strict},
                                                                        {"samesite=lax", SameSite::Lax},
                                                                        {"samesite=none", SameSite::None},
                                                                        {"nosamesite", SameSite::Absent}}};
  if (flag == "secure" || flag == "nosecure") {
    secure = flag == "secure";
  } else if (flag == "httponly" || flag == "nohttponly") {
    http_only = flag == "httponly";
  } else {
    const auto* site = std::find_if(sites.begin(), sites.end(), [&](const auto& one) { return one.first == flag; });
    if (site == sites.end()) return false;
    same_site = site->second;
  }
  return true;
}

std::optional<std::string> rewritten_cookie(std::string_view value, const CookieRules& rules,
                                            rules::RequestState& state) {
  std::vector<Attribute> attributes = parse(value);
  if (!attributes.front().value) return std::nullopt;
  bool changed = false;
  for (std::size_t i = 1; i < attributes.size(); ++i) {
    auto& [name, text] = attributes[i];
    if (!text) continue;
    std::optional<std::string> made;
    if (rules.domains != nullptr && text::iequals(name, "domain"))
      made = rewritten_domain(*text, *rules.domains, state);
    if (rules.paths != nullptr && text::iequals(name, "path")) made = rewritten(*text, 0, *rules.paths, {}, state);
    if (!made) continue;
    text = std::move(*made);
    changed = true;
  }
  if (rules.flags != nullptr && set_flags(attributes, *rules.flags, state)) changed = true;
  if (!changed) return std::nullopt;
  return join(attributes);
}

}  // namespace caisson::upstream
