// What becomes of a backend's Set-Cookie: proxy_cookie_domain, proxy_cookie_path, proxy_cookie_flags.
// ngx_http_proxy_rewrite_cookie
//
// Ownership: values, part of the settings. Threading: read-only after loading.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "rules/regex.h"
#include "rules/template.h"
#include "upstream/redirect.h"

namespace caisson::upstream {

enum class SameSite : unsigned char { Absent, Strict, Lax, None };

// One proxy_cookie_flags: what of its flags a cookie of that name has in the end. Nothing: as the backend said.
struct CookieFlags {
  std::variant<rules::Template, rules::Regex> cookie;
  std::optional<bool> secure;
  std::optional<bool> http_only;
  std::optional<SameSite> same_site;

  // Takes "secure", "nosecure", "samesite=lax" and their like; false when it is none of them.
  bool take(std::string_view flag);
};

struct CookieRules {
  const std::vector<RewriteRule>* domains = nullptr;  // null: untouched
  const std::vector<RewriteRule>* paths = nullptr;
  const std::vector<CookieFlags>* flags = nullptr;
};

// The header as the client gets it; nothing when no rule fits.
std::optional<std::string> rewritten_cookie(std::string_view value, const CookieRules& rules,
                                            rules::RequestState& state);

}  // namespace caisson::upstream
