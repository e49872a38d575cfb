#include "gateway/script/connection_variables.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <optional>

namespace caisson::gateway {

using rules::RequestState;
using rules::Value;
using rules::VariableSpec;

namespace {

using View = std::string_view;

// The address as bytes in network order, 4 or 16; the text itself for a unix socket.
Value binary_remote_addr(RequestState& s, View) {
  const std::string& text = s.exchange.client_address();
  in_addr four{};
  if (::inet_pton(AF_INET, text.c_str(), &four) == 1) {
    return std::string(reinterpret_cast<const char*>(&four), sizeof four);
  }
  in6_addr sixteen{};
  if (::inet_pton(AF_INET6, text.c_str(), &sixteen) == 1) {
    return std::string(reinterpret_cast<const char*>(&sixteen), sizeof sixteen);
  }
  return text;
}

Value connection_time(RequestState& s, View) {
  using std::chrono::duration_cast;
  using std::chrono::milliseconds;
  const auto age = duration_cast<milliseconds>(std::chrono::steady_clock::now() - s.exchange.connection().began);
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%lld.%03lld", static_cast<long long>(age.count() / 1000),
                static_cast<long long>(age.count() % 1000));
  return text.data();
}

std::optional<tcp_info> kernel_view(const RequestState& s) {
  const int descriptor = s.exchange.connection().descriptor;
  tcp_info info{};
  socklen_t size = sizeof info;
  if (descriptor < 0 || ::getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return std::nullopt;
  return info;
}

template <auto Member>
Value tcp_number(RequestState& s, View) {
  const auto info = kernel_view(s);
  return info ? Value(std::to_string((*info).*Member)) : Value();
}

Value sent_connection(RequestState& s, View) {
  if (!s.exchange.responded()) return std::nullopt;
  if (s.exchange.status() == 101) return "upgrade";
  return s.exchange.traffic().kept_alive ? "keep-alive" : "close";
}

Value sent_keep_alive(RequestState& s, View) {
  const auto& told = s.exchange.policy().keep_alive_header;
  if (!s.exchange.responded() || !s.exchange.traffic().kept_alive || !told) return std::nullopt;
  return "timeout=" + std::to_string(told->count());
}

Value sent_transfer_encoding(RequestState& s, View) {
  return s.exchange.traffic().chunked ? Value("chunked") : Value();
}

constexpr std::array variables = {
    VariableSpec{"binary_remote_addr", &binary_remote_addr},
    VariableSpec{"connection_time", &connection_time},
    VariableSpec{"tcpinfo_rtt", &tcp_number<&tcp_info::tcpi_rtt>},
    VariableSpec{"tcpinfo_rttvar", &tcp_number<&tcp_info::tcpi_rttvar>},
    VariableSpec{"tcpinfo_snd_cwnd", &tcp_number<&tcp_info::tcpi_snd_cwnd>},
    VariableSpec{"tcpinfo_rcv_space", &tcp_number<&tcp_info::tcpi_rcv_space>},
    VariableSpec{"sent_http_connection", &sent_connection},
    VariableSpec{"sent_http_keep_alive", &sent_keep_alive},
    VariableSpec{"sent_http_transfer_encoding", &sent_transfer_encoding},
};

}  // namespace

void describe_connection_variables(rules::Language& language) { language.add_variables(variables); }

}  // namespace caisson::gateway
