#include "registry/api/request.h"

#include "base/text.h"
#include "registry/api/forwarded.h"
#include "rules/request_log.h"

namespace caisson::registry {

http::ResponseHead api_head(unsigned status) {
  http::ResponseHead head;
  head.status = status;
  head.headers.add("Docker-Distribution-Api-Version", "registry/2.0");
  head.headers.add("X-Content-Type-Options", "nosniff");
  return head;
}

async::Task<void> answer(http::Exchange& exchange, http::ResponseHead head, std::string body) {
  if (!body.empty() && !head.headers.has("Content-Type")) {
    head.headers.add("Content-Type", "application/json; charset=utf-8");
  }
  return exchange.respond(std::move(head), std::move(body));
}

async::Task<void> answer(http::Exchange& exchange, Refusal refusal) {
  http::ResponseHead head = api_head(refusal.status);
  for (const http::HeaderField& field : refusal.headers) head.headers.add(field.name, field.value);
  return answer(exchange, std::move(head), std::move(refusal.body));
}

async::Task<void> answer_fault(http::Exchange& exchange, const Error& error) {
  if (exchange.extension() != nullptr) {
    rules::log(rules::RequestState::of(exchange), observe::Level::Error, "registry: " + error.what);
  }
  return answer(exchange, storage_refusal(error));
}

async::Task<void> answer_failure(http::Exchange& exchange, const Error& error, Refusal absent) {
  if (error.code == ErrorCode::NotFound) return answer(exchange, std::move(absent));
  return answer_fault(exchange, error);
}

std::string location(const Request& request, std::string_view path) {
  const ApiSettings& settings = request.settings;
  const std::string complete = settings.prefix + std::string(path);
  if (!settings.public_url.empty()) return settings.public_url + complete;
  if (settings.relative_urls) return complete;
  const http::Exchange& exchange = request.exchange;
  Origin origin{std::string(exchange.client_scheme()), exchange.client_host()};
  if (settings.forwarded) origin = forwarded_origin(exchange.request().headers, std::move(origin));
  if (origin.host.empty()) return complete;
  return origin.scheme + "://" + origin.host + complete;
}

std::string blob_location(const Request& request, const store::Digest& digest) {
  return location(request, "/v2/" + request.repository.name().str() + "/blobs/" + digest.str());
}

std::string etag(const store::Digest& digest) { return '"' + digest.str() + '"'; }

bool names_etag(std::string_view header, const store::Digest& digest) {
  for (std::string_view one : text::split(header, ',')) {
    one = text::trimmed(one);
    if (one.starts_with("W/")) one.remove_prefix(2);
    if (one == "*" || one == digest.str() || one == etag(digest)) return true;
  }
  return false;
}

}  // namespace caisson::registry
