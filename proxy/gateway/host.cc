#include "gateway/host.h"

#include "http/host.h"

namespace caisson::gateway {

std::string requested_host(const http::RequestHead& request) {
  if (!request.target.host.empty()) return http::host_name(request.target.host).value_or(std::string());
  const std::string* header = request.headers.find("Host");
  return header == nullptr ? std::string() : http::host_name(*header).value_or(std::string());
}

}  // namespace caisson::gateway
