// What becomes of a backend's Location and Refresh on their way to the client: proxy_redirect.
//
// Ownership: values, part of the settings. Threading: read-only after loading.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "rules/regex.h"
#include "rules/template.h"

namespace caisson::upstream {

// One pair of proxy_redirect, proxy_cookie_path or proxy_cookie_domain.
struct RewriteRule {
  // What proxy_redirect's "default" stands for is known only where proxy_pass stands.
  struct Default {};
  std::variant<Default, rules::Template, rules::Regex> pattern;
  rules::Template replacement;
};

// proxy_redirect default: the proxied URL becomes the location's prefix, and nothing else is touched.
struct DefaultRedirect {
  std::string from;  // empty: there is none (proxy_pass with variables)
  std::string to;
};

// The text with what stands at `from` and matches the first fitting rule replaced; nothing when no rule fits.
std::optional<std::string> rewritten(std::string_view text, std::size_t from, std::span<const RewriteRule> rules,
                                     const DefaultRedirect& usual, rules::RequestState& state);

// A Refresh header ("5; url=http://...") with its URL rewritten.
std::optional<std::string> rewritten_refresh(std::string_view value, const std::vector<RewriteRule>& rules,
                                             const DefaultRedirect& usual, rules::RequestState& state);

}  // namespace caisson::upstream
