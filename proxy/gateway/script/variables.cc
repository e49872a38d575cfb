#include "gateway/script/variables.h"

#include <arpa/inet.h>
#include <openssl/rand.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <ctime>

#include "base/text.h"
#include "gateway/host.h"
#include "gateway/virtual_hosts.h"

namespace caisson::gateway {

using rules::RequestState;
using rules::Value;
using rules::VariableSpec;

namespace {

using View = std::string_view;

// "user_agent" names the header "User-Agent".
bool is_header(View name, View rest) {
  if (name.size() != rest.size()) return false;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i] == '-' ? '_' : text::lower(name[i]);
    if (c != text::lower(rest[i])) return false;
  }
  return true;
}

// nginx joins what may come several times: with "; " for Cookie, with ", " otherwise.
Value header_value(const http::Headers& headers, View rest) {
  Value all;
  for (const http::HeaderField& field : headers) {
    if (!is_header(field.name, rest)) continue;
    if (all) {
      *all += text::iequals(rest, "cookie") ? "; " : ", ";
      *all += field.value;
    } else {
      all = field.value;
    }
  }
  return all;
}

Value http_family(RequestState& s, View rest) { return header_value(s.exchange.request().headers, rest); }

Value sent_http_family(RequestState& s, View rest) {
  return s.response == nullptr ? Value() : header_value(s.response->headers, rest);
}

// ngx_http_arg: the first argument of that name, without case, as sent.
Value arg_family(RequestState& s, View rest) {
  for (const View pair : text::split(s.args, '&')) {
    const std::size_t equals = pair.find('=');
    if (equals != View::npos && text::iequals(pair.substr(0, equals), rest))
      return std::string(pair.substr(equals + 1));
  }
  return std::nullopt;
}

Value cookie_family(RequestState& s, View rest) {
  for (const http::HeaderField& field : s.exchange.request().headers) {
    if (!text::iequals(field.name, "Cookie")) continue;
    for (const View pair : text::split(field.value, ';')) {
      const View cookie = text::trimmed(pair);
      const std::size_t equals = cookie.find('=');
      if (equals != View::npos && text::iequals(cookie.substr(0, equals), rest)) {
        return std::string(cookie.substr(equals + 1));
      }
    }
  }
  return std::nullopt;
}

Value host(RequestState& s, View) {
  std::string name = requested_host(s.exchange.request());
  return name.empty() ? Value(std::string(s.server_name)) : Value(std::move(name));
}

std::string format_time(std::time_t at, const char* format) {
  std::tm parts{};
  localtime_r(&at, &parts);
  char text[64];
  return {text, std::strftime(text, sizeof text, format, &parts)};
}

std::string seconds_text(std::chrono::milliseconds duration) {
  char text[32];
  std::snprintf(text, sizeof text, "%lld.%03lld", static_cast<long long>(duration.count() / 1000),
                static_cast<long long>(duration.count() % 1000));
  return text;
}

Value request_time(RequestState& s, View) {
  using std::chrono::duration_cast;
  using std::chrono::milliseconds;
  return seconds_text(duration_cast<milliseconds>(std::chrono::system_clock::now() - s.started()));
}

// How old the connection is.
Value connection_time(RequestState& s, View) {
  using std::chrono::duration_cast;
  using std::chrono::milliseconds;
  return seconds_text(duration_cast<milliseconds>(std::chrono::steady_clock::now() - s.exchange.connection().began));
}

Value msec(RequestState&, View) {
  using std::chrono::duration_cast;
  using std::chrono::milliseconds;
  return seconds_text(duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch()));
}

Value protocol(RequestState& s, View) {
  switch (s.exchange.request().version) {
    case http::Version::Http09:
      return "HTTP/0.9";
    case http::Version::Http10:
      return "HTTP/1.0";
    case http::Version::Http11:
      return "HTTP/1.1";
    case http::Version::Http2:
      return "HTTP/2.0";
  }
  return std::nullopt;
}

// The bytes of the address, which make shorter keys: 4 or 16; "unix:" for a unix socket.
Value binary_remote_addr(RequestState& s, View) {
  const std::string& address = s.exchange.client_address();
  std::array<char, 16> bytes{};
  if (::inet_pton(AF_INET, address.c_str(), bytes.data()) == 1) return std::string(bytes.data(), 4);
  if (::inet_pton(AF_INET6, address.c_str(), bytes.data()) == 1) return std::string(bytes.data(), bytes.size());
  return address;
}

Value non_empty(const std::string& text) { return text.empty() ? Value() : Value(text); }

// What $remote_user is: the name in the request's Basic credentials, whether or not anybody checked them
// (ngx_http_auth_basic_user). The password is dropped here and goes nowhere.
Value remote_user(RequestState& s, View) {
  if (!s.exchange.user().empty()) return s.exchange.user();
  const std::string* header = s.exchange.request().headers.find("Authorization");
  if (header == nullptr || header->size() < 6 || !text::iequals(View(*header).substr(0, 6), "basic "))
    return std::nullopt;
  const auto plain = text::from_base64(text::trimmed(View(*header).substr(6)));
  if (!plain) return std::nullopt;
  const std::size_t colon = plain->find(':');
  return colon == std::string::npos || colon == 0 ? Value() : Value(plain->substr(0, colon));
}

// 32 hexadecimal digits, the same throughout one request.
struct RequestId {
  std::string text;
};

Value request_id(RequestState& s, View) {
  std::string& text = s.main().data<RequestId>().text;
  if (text.empty()) {
    std::array<std::byte, 16> bytes{};
    RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
    text = text::to_hex(bytes);
  }
  return text;
}

Value host_of_machine(RequestState&, View) {
  char name[256] = {};
  ::gethostname(name, sizeof name - 1);
  return text::lowered(name);
}

std::string number(std::uint64_t n) { return std::to_string(n); }

// Members of the families that nginx has under their own names; a configuration can make any other.
Value request_header(RequestState& state, View name) { return http_family(state, name.substr(5)); }
Value response_header(RequestState& state, View name) { return sent_http_family(state, name.substr(10)); }

constexpr std::array variables = {
    VariableSpec{"http_", &http_family, nullptr, true},
    VariableSpec{"http_cookie", &request_header},
    VariableSpec{"http_host", &request_header},
    VariableSpec{"http_referer", &request_header},
    VariableSpec{"http_user_agent", &request_header},
    VariableSpec{"http_via", &request_header},
    VariableSpec{"http_x_forwarded_for", &request_header},
    VariableSpec{"sent_http_cache_control", &response_header},
    VariableSpec{"sent_http_content_length", &response_header},
    VariableSpec{"sent_http_content_type", &response_header},
    VariableSpec{"sent_http_last_modified", &response_header},
    VariableSpec{"sent_http_link", &response_header},
    VariableSpec{"sent_http_location", &response_header},
    VariableSpec{"sent_http_", &sent_http_family, nullptr, true},
    VariableSpec{"arg_", &arg_family, nullptr, true},
    VariableSpec{"cookie_", &cookie_family, nullptr, true},
    VariableSpec{"host", &host},
    VariableSpec{"hostname", &host_of_machine},
    VariableSpec{"uri", [](RequestState& s, View) -> Value { return s.path; }},
    VariableSpec{"document_uri", [](RequestState& s, View) -> Value { return s.path; }},
    VariableSpec{"args", [](RequestState& s, View) -> Value { return s.args; },
                 [](RequestState& s, std::string value) {
                   s.args = std::move(value);
                   s.rewritten = true;
                 }},
    VariableSpec{"query_string", [](RequestState& s, View) -> Value { return s.args; }},
    VariableSpec{"is_args", [](RequestState& s, View) -> Value { return s.args.empty() ? "" : "?"; }},
    VariableSpec{"request_uri", [](RequestState& s, View) -> Value { return s.main().exchange.request().target.raw; }},
    VariableSpec{"request", [](RequestState& s, View) -> Value { return s.exchange.request().line; }},
    VariableSpec{"request_method", [](RequestState& s, View) { return non_empty(s.main().exchange.request().method); }},
    VariableSpec{"server_protocol", &protocol},
    VariableSpec{"scheme", [](RequestState& s, View) -> Value { return std::string(s.exchange.client_scheme()); }},
    VariableSpec{"https", [](RequestState& s, View) -> Value { return s.exchange.connection().tls ? "on" : ""; }},
    VariableSpec{"content_length", [](RequestState& s, View) { return http_family(s, "content_length"); }},
    VariableSpec{"content_type", [](RequestState& s, View) { return http_family(s, "content_type"); }},
    VariableSpec{"binary_remote_addr", &binary_remote_addr},
    VariableSpec{"remote_addr", [](RequestState& s, View) -> Value { return s.exchange.client_address(); }},
    VariableSpec{"remote_port", [](RequestState& s, View) -> Value { return number(s.exchange.client_port()); }},
    VariableSpec{"remote_user", &remote_user},
    VariableSpec{"realip_remote_addr",
                 [](RequestState& s, View) -> Value { return s.exchange.connection().client_address; }},
    VariableSpec{"realip_remote_port",
                 [](RequestState& s, View) -> Value { return number(s.exchange.connection().client_port); }},
    VariableSpec{"server_addr", [](RequestState& s, View) -> Value { return s.exchange.connection().server_address; }},
    VariableSpec{"server_port",
                 [](RequestState& s, View) -> Value { return number(s.exchange.connection().server_port); }},
    VariableSpec{"server_name", [](RequestState& s, View) -> Value { return std::string(s.server_name); }},
    VariableSpec{"connection", [](RequestState& s, View) -> Value { return number(s.exchange.connection().serial); }},
    VariableSpec{"connection_requests",
                 [](RequestState& s, View) -> Value { return number(s.exchange.connection().requests); }},
    VariableSpec{"connection_time", &connection_time},
    VariableSpec{"pipe", [](RequestState& s, View) -> Value { return s.exchange.connection().pipelined ? "p" : "."; }},
    VariableSpec{"request_id", &request_id},
    VariableSpec{"request_length",
                 [](RequestState& s, View) -> Value { return number(s.exchange.traffic().received); }},
    VariableSpec{"bytes_sent", [](RequestState& s, View) -> Value { return number(s.exchange.traffic().sent); }},
    VariableSpec{"body_bytes_sent",
                 [](RequestState& s, View) -> Value { return number(s.exchange.traffic().body_sent); }},
    VariableSpec{"request_time", &request_time},
    VariableSpec{"request_completion", [](RequestState& s, View) -> Value { return s.completed ? "OK" : ""; }},
    VariableSpec{"status",
                 [](RequestState& s, View) -> Value {
                   char text[16];
                   std::snprintf(text, sizeof text, "%03u", s.status());
                   return text;
                 }},
    VariableSpec{"msec", &msec},
    VariableSpec{"time_local",
                 [](RequestState&, View) -> Value { return format_time(std::time(nullptr), "%d/%b/%Y:%H:%M:%S %z"); }},
    VariableSpec{"time_iso8601",
                 [](RequestState&, View) -> Value {
                   std::string text = format_time(std::time(nullptr), "%Y-%m-%dT%H:%M:%S%z");
                   return text.insert(text.size() - 2, ":");
                 }},
    // ngx_http_ssi_filter_module's, in its usual form.
    VariableSpec{"date_local",
                 [](RequestState&, View) -> Value {
                   return format_time(std::time(nullptr), "%A, %d-%b-%Y %H:%M:%S %Z");
                 }},
    VariableSpec{"date_gmt",
                 [](RequestState&, View) -> Value {
                   const std::time_t now = std::time(nullptr);
                   std::tm utc{};
                   std::array<char, 64> text{};
                   return std::string(text.data(), std::strftime(text.data(), text.size(), "%A, %d-%b-%Y %H:%M:%S GMT",
                                                                 ::gmtime_r(&now, &utc)));
                 }},
    VariableSpec{"pid", [](RequestState&, View) -> Value { return number(static_cast<std::uint64_t>(::getpid())); }},
    VariableSpec{"nginx_version", [](RequestState&, View) -> Value { return "1.28.0"; }},
};

}  // namespace

void describe_variables(rules::Language& language) { language.add_variables(variables); }

}  // namespace caisson::gateway
