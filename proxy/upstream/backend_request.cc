#include "upstream/backend_request.h"

#include <algorithm>

#include "base/text.h"
#include "http/h1/serializer.h"
#include "upstream/facts.h"

namespace caisson::upstream {

namespace {

// Percent-encodes what would end or break a request line. nginx sends such bytes out of variables as they are, which
// let clients write header lines to the backend.
std::string fit_for_line(std::string_view target) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char c : target) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > 0x20 && byte != 0x7f) {
      out += c;
      continue;
    }
    out += '%';
    out += digits[byte >> 4];
    out += digits[byte & 0xf];
  }
  return out;
}

// Header names as a backend may take them for the same: WSGI and CGI turn both "X-User" and "X_User" into HTTP_X_USER.
bool same_header(std::string_view a, std::string_view b) noexcept {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return (x == '_' ? '-' : text::lower(x)) == (y == '_' ? '-' : text::lower(y));
  });
}

}  // namespace

Result<http::RequestTarget> backend_target(const rules::RequestState& state, const TargetRule& rule) {
  const http::RequestTarget& asked = state.exchange.request().target;
  // The raw text stands for what was authorised only while nothing has changed its normal form.
  const bool unchanged = !state.rewritten && state.path == asked.path && state.args == asked.args;
  if (rule.uri.empty() && unchanged) return asked;

  std::string made;
  if (rule.expanded && !rule.uri.empty()) {
    made = fit_for_line(rule.uri);
  } else {
    std::string_view path = state.path;
    // After `rewrite ... break` nobody can tell what the location's prefix became: the URI in proxy_pass is ignored.
    if (!rule.uri.empty() && !state.prefix_gone && path.starts_with(rule.prefix)) {
      made = rule.uri;
      path.remove_prefix(rule.prefix.size());
    }
    made += http::escaped_path(path);
    if (!state.args.empty()) made += '?' + fit_for_line(state.args);
  }
  if (!made.starts_with('/')) made.insert(0, 1, '/');
  Result<http::RequestTarget> target = http::parse_target(made, false);
  if (!target.ok()) return std::move(target).error().in("target for the backend");
  target.value().raw = std::move(made);
  return target;
}

http::Headers backend_headers(rules::RequestState& state, const ProxySettings& settings) {
  static const std::vector<SetHeader> none;
  const std::vector<SetHeader>& set = settings.set_headers ? *settings.set_headers : none;
  const auto is_set = [&](std::string_view name) {
    return std::any_of(set.begin(), set.end(), [&](const SetHeader& header) { return same_header(header.name, name); });
  };

  http::Headers out;
  if (!is_set("Host")) out.add("Host", state.data<Facts>().proxy_host);
  for (const SetHeader& header : set) {
    std::string value = header.value.expand(state);
    if (!value.empty()) out.add(header.name, std::move(value));
  }
  if (settings.pass_request_headers.value_or(true)) {
    for (const http::HeaderField& field : http::h1::forwardable(state.exchange.request().headers)) {
      if (same_header(field.name, "Host") || is_set(field.name)) continue;
      out.add(field.name, field.value);
    }
  }
  return out;
}

}  // namespace caisson::upstream
