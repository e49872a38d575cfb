#include "gateway/access/secure_link.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

#include "base/text.h"
#include "rules/loader.h"
#include "rules/setters.h"

namespace caisson::gateway {

using rules::DirectiveSpec;
using rules::Loader;
using rules::RequestState;
using rules::Value;

namespace {

struct SecureLink {
  std::optional<rules::Template> link;  // "HASH" or "HASH,EXPIRES"
  std::optional<rules::Template> md5;
  std::optional<std::string> secret;  // the older form

  // The older form and the newer one replace each other.
  void inherit(const SecureLink& outer) {
    if (secret) return;
    rules::inherit(link, outer.link);
    rules::inherit(md5, outer.md5);
    if (!link && !md5) secret = outer.secret;
  }
};

using Digest = std::array<std::byte, 16>;

Digest md5_of(std::string_view first, std::string_view second = {}) {
  Digest digest{};
  const std::string text = std::string(first) + std::string(second);
  EVP_Digest(text.data(), text.size(), reinterpret_cast<unsigned char*>(digest.data()), nullptr, EVP_md5(), nullptr);
  return digest;
}

bool same(const Digest& digest, std::string_view bytes) {
  return bytes.size() == digest.size() && CRYPTO_memcmp(digest.data(), bytes.data(), digest.size()) == 0;
}

// base64url, with or without its padding.
std::optional<std::string> decoded(std::string_view text) {
  while (text.ends_with('=')) text.remove_suffix(1);
  std::string standard(text);
  std::replace(standard.begin(), standard.end(), '-', '+');
  std::replace(standard.begin(), standard.end(), '_', '/');
  standard.append((4 - standard.size() % 4) % 4, '=');
  return text::from_base64(standard);
}

// What a link says of its end; kept for $secure_link_expires.
struct LinkExpires {
  Value text;
};

// ngx_http_secure_link_old_variable: /PREFIX/HASH/LINK, where HASH is of LINK and the secret.
Value old_form(RequestState& state, const std::string& secret) {
  const std::string_view asked = state.main().exchange.request().target.raw;
  const std::size_t begin = asked.find('/', 1);
  const std::size_t end = begin == std::string_view::npos ? begin : asked.find('/', begin + 1);
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view hash = asked.substr(begin + 1, end - begin - 1);
  const std::string_view link = asked.substr(end + 1);
  if (link.empty() || text::to_hex(md5_of(link, secret)) != text::lowered(hash)) return std::nullopt;
  return std::string(link);
}

// "1": right; "0": right once; nothing: wrong.
Value secure_link(RequestState& state, std::string_view) {
  const SecureLink& settings = state.settings<SecureLink>();
  if (settings.secret) return old_form(state, *settings.secret);
  if (!settings.link || !settings.md5) return std::nullopt;
  const std::string given = settings.link->expand(state);
  const std::size_t comma = given.find(',');
  std::time_t expires = 0;
  if (comma != std::string::npos) {
    const auto seconds = text::to_number(std::string_view(given).substr(comma + 1));
    if (!seconds || *seconds == 0) return std::nullopt;
    expires = static_cast<std::time_t>(*seconds);
    state.data<LinkExpires>().text = given.substr(comma + 1);
  }
  const auto hash = decoded(std::string_view(given).substr(0, comma));
  if (!hash || !same(md5_of(settings.md5->expand(state)), *hash)) return std::nullopt;
  return expires != 0 && expires < std::time(nullptr) ? "0" : "1";
}

Value secure_link_expires(RequestState& state, std::string_view) { return state.data<LinkExpires>().text; }

constexpr unsigned everywhere = rules::Http | rules::Server | rules::Location;
constexpr auto none = DirectiveSpec::Body::None;

constexpr std::string_view mixed =
    "\"secure_link_secret\" cannot be mixed with \"secure_link\" and \"secure_link_md5\"";

template <auto Member>
Result<void> set_new_form(Loader& loader, const config::Directive& d) {
  if (loader.level().own<SecureLink>().secret) return config::error_at(d.at, mixed);
  return rules::set_template<Member>(loader, d);
}

Result<void> set_secret(Loader& loader, const config::Directive& d) {
  const SecureLink& settings = loader.level().own<SecureLink>();
  if (settings.link || settings.md5) return config::error_at(d.at, mixed);
  return rules::set_text<&SecureLink::secret>(loader, d);
}

constexpr std::array directives = {
    DirectiveSpec{"secure_link", everywhere, 1, 1, none, &set_new_form<&SecureLink::link>},
    DirectiveSpec{"secure_link_md5", everywhere, 1, 1, none, &set_new_form<&SecureLink::md5>},
    DirectiveSpec{"secure_link_secret", rules::Location, 1, 1, none, &set_secret},
};

constexpr std::array variables = {
    rules::VariableSpec{"secure_link", &secure_link},
    rules::VariableSpec{"secure_link_expires", &secure_link_expires},
};

}  // namespace

void describe_secure_link(rules::Language& language) {
  language.add_directives(directives);
  language.add_variables(variables);
}

}  // namespace caisson::gateway
