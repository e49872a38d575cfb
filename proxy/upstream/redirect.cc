#include "upstream/redirect.h"

#include <algorithm>

#include "base/text.h"

namespace caisson::upstream {

namespace {

// Runs `rewrite` with the captures of a regex match in force, and gives the request its own captures back.
std::string expand_with(const rules::Template& replacement, rules::Captures captures, rules::RequestState& state) {
  std::swap(state.captures, captures);
  std::string made = replacement.expand(state);
  std::swap(state.captures, captures);
  return made;
}

std::string spliced(std::string_view text, std::size_t from, std::size_t length, std::string_view put) {
  std::string made(text.substr(0, from));
  made += put;
  made += text.substr(from + length);
  return made;
}

std::optional<std::string> apply_regex(const rules::Regex& regex, const rules::Template& replacement,
                                       std::string_view subject, rules::RequestState& state) {
  rules::Captures captures;
  if (regex.match(subject, &captures) != rules::Regex::Outcome::Match) return std::nullopt;
  return expand_with(replacement, std::move(captures), state);
}

// A cookie's Domain: the whole of it fits or not, a dot at its front means nothing (RFC 6265 section 5.2.3) and stays.
std::optional<std::string> rewritten_domain(std::string_view value, const std::vector<RewriteRule>& rules,
                                            rules::RequestState& state) {
  const std::string dot = value.starts_with('.') ? "." : "";
  value.remove_prefix(dot.size());
  for (const RewriteRule& rule : rules) {
    if (const auto* regex = std::get_if<rules::Regex>(&rule.pattern)) {
      if (auto made = apply_regex(*regex, rule.replacement, value, state)) return dot + *made;
    } else if (const auto* pattern = std::get_if<rules::Template>(&rule.pattern)) {
      std::string wanted = pattern->expand(state);
      if (wanted.starts_with('.')) wanted.erase(0, 1);
      if (text::iequals(wanted, value)) return dot + rule.replacement.expand(state);
    }
  }
  return std::nullopt;
}

}  // namespace

// ngx_http_proxy_rewrite_redirect
std::optional<std::string> rewritten(std::string_view text, std::size_t from, const std::vector<RewriteRule>& rules,
                                     const DefaultRedirect& usual, rules::RequestState& state) {
  const std::string_view subject = text.substr(from);
  for (const RewriteRule& rule : rules) {
    if (std::holds_alternative<RewriteRule::Default>(rule.pattern)) {
      if (usual.from.empty() || !subject.starts_with(usual.from)) continue;
      return spliced(text, from, usual.from.size(), usual.to);
    }
    if (const auto* regex = std::get_if<rules::Regex>(&rule.pattern)) {
      if (auto made = apply_regex(*regex, rule.replacement, subject, state)) {
        return spliced(text, from, subject.size(), *made);
      }
      continue;
    }
    const std::string pattern = std::get<rules::Template>(rule.pattern).expand(state);
    if (!subject.starts_with(pattern)) continue;
    return spliced(text, from, pattern.size(), rule.replacement.expand(state));
  }
  return std::nullopt;
}

std::optional<std::string> rewritten_refresh(std::string_view value, const std::vector<RewriteRule>& rules,
                                             const DefaultRedirect& usual, rules::RequestState& state) {
  const std::size_t at = text::lowered(value).find("url=");
  if (at == std::string::npos) return std::nullopt;
  return rewritten(value, at + 4, rules, usual, state);
}

std::optional<std::string> rewritten_cookie(std::string_view value, const std::vector<RewriteRule>& paths,
                                            const std::vector<RewriteRule>& domains, rules::RequestState& state) {
  std::string made;
  bool changed = false;
  bool first = true;  // the cookie itself, name=value, has no attribute
  for (const std::string_view part : text::split(value, ';')) {
    if (!first) made += ';';
    const std::size_t equals = part.find('=');
    std::optional<std::string> put;
    if (!first && equals != std::string_view::npos) {
      const std::string_view name = text::trimmed(part.substr(0, equals));
      const std::string_view text = part.substr(equals + 1);
      if (text::iequals(name, "path") && !paths.empty()) put = rewritten(text, 0, paths, {}, state);
      if (text::iequals(name, "domain") && !domains.empty()) put = rewritten_domain(text, domains, state);
    }
    if (put) {
      made.append(part.substr(0, equals + 1)).append(*put);
      changed = true;
    } else {
      made += part;
    }
    first = false;
  }
  if (!changed) return std::nullopt;
  return made;
}

}  // namespace caisson::upstream
