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

}  // namespace

// ngx_http_proxy_rewrite_redirect
std::optional<std::string> rewritten(std::string_view text, std::size_t from, std::span<const RewriteRule> rules,
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

}  // namespace caisson::upstream
