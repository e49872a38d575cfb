// $upstream_*, $proxy_*: what is known of the backends that were tried. Several tries stand side by side: "a, b".

#include <algorithm>
#include <array>
#include <cstdio>

#include "base/text.h"
#include "upstream/directives.h"
#include "upstream/facts.h"

namespace caisson::upstream {

using rules::RequestState;
using rules::Value;
using rules::VariableSpec;

namespace {

template <class Show>
Value of_attempts(RequestState& state, Show show) {
  const auto& attempts = state.data<Facts>().attempts;
  if (attempts.empty()) return std::nullopt;
  std::string out;
  for (const Attempt& attempt : attempts) {
    if (!out.empty()) out += attempt.first_of_pass ? " : " : ", ";
    out += show(attempt);
  }
  return out;
}

std::string seconds(std::optional<Attempt::Milliseconds> time) {
  if (!time) return "-";
  std::array<char, 32> text{};
  const int n = std::snprintf(text.data(), text.size(), "%lld.%03lld", static_cast<long long>(time->count() / 1000),
                              static_cast<long long>(time->count() % 1000));
  return {text.data(), static_cast<std::size_t>(n)};
}

template <auto Member>
Value duration(RequestState& state, std::string_view) {
  return of_attempts(state, [](const Attempt& attempt) { return seconds(attempt.*Member); });
}

template <auto Member>
Value bytes(RequestState& state, std::string_view) {
  return of_attempts(state, [](const Attempt& attempt) { return std::to_string(attempt.*Member); });
}

Value address(RequestState& state, std::string_view) {
  return of_attempts(state, [](const Attempt& attempt) { return attempt.address; });
}

Value status(RequestState& state, std::string_view) {
  return of_attempts(state,
                     [](const Attempt& attempt) { return attempt.status == 0 ? "-" : std::to_string(attempt.status); });
}

// "docker_content_digest" for "Docker-Content-Digest".
bool is_variable_of(std::string_view header, std::string_view name) {
  return std::equal(header.begin(), header.end(), name.begin(), name.end(),
                    [](char a, char b) { return (a == '-' ? '_' : text::lower(a)) == text::lower(b); });
}

Value response_header(RequestState& state, std::string_view name) {
  Value joined;
  for (const http::HeaderField& field : state.data<Facts>().response) {
    if (!is_variable_of(field.name, name)) continue;
    joined = joined ? *joined + ", " + field.value : field.value;
  }
  return joined;
}

Value response_cookie(RequestState& state, std::string_view name) {
  for (const http::HeaderField& field : state.data<Facts>().response) {
    if (!text::iequals(field.name, "Set-Cookie")) continue;
    const std::string_view cookie = std::string_view(field.value).substr(0, field.value.find(';'));
    const std::size_t equals = cookie.find('=');
    if (equals == std::string_view::npos) continue;
    // ngx_http_parse_set_cookie_lines: spaces around the "=" belong to neither side.
    const std::size_t name_end = cookie.find_last_not_of(' ', equals - 1) + 1;
    if (equals == 0 || !text::iequals(cookie.substr(0, name_end), name)) continue;
    const std::size_t value = std::min(cookie.find_first_not_of(' ', equals + 1), cookie.size());
    return std::string(cookie.substr(value));
  }
  return std::nullopt;
}

Value no_value(RequestState&, std::string_view) { return std::nullopt; }

template <auto Member>
Value of_pass(RequestState& state, std::string_view) {
  const Facts& facts = state.data<Facts>();
  if (!facts.pass_found) return std::nullopt;
  return facts.*Member;
}

// ngx_http_proxy_add_x_forwarded_for_variable
Value add_x_forwarded_for(RequestState& state, std::string_view) {
  const std::string& client = state.exchange.client_address();
  const auto before = state.exchange.request().headers.joined("X-Forwarded-For");
  return before ? *before + ", " + client : client;
}

constexpr std::array variables = {
    VariableSpec{"proxy_host", &of_pass<&Facts::proxy_host>, nullptr, false, true},
    VariableSpec{"proxy_port", &of_pass<&Facts::proxy_port>, nullptr, false, true},
    VariableSpec{"proxy_add_x_forwarded_for", &add_x_forwarded_for},
    VariableSpec{"upstream_addr", &address},
    VariableSpec{"upstream_status", &status},
    VariableSpec{"upstream_connect_time", &duration<&Attempt::connected>},
    VariableSpec{"upstream_header_time", &duration<&Attempt::head>},
    VariableSpec{"upstream_response_time", &duration<&Attempt::ended>},
    VariableSpec{"upstream_response_length", &bytes<&Attempt::body>},
    VariableSpec{"upstream_bytes_sent", &bytes<&Attempt::sent>},
    VariableSpec{"upstream_bytes_received", &bytes<&Attempt::received>},
    VariableSpec{"upstream_cache_status", &no_value},
    VariableSpec{"upstream_http_", &response_header, nullptr, true},
    VariableSpec{"upstream_cookie_", &response_cookie, nullptr, true},
};

}  // namespace

void describe_variables(rules::Language& language) { language.add_variables(variables); }

}  // namespace caisson::upstream
