#include "registry/api/announcements.h"

#include <arpa/inet.h>

#include <array>
#include <exception>
#include <limits>

#include "base/text.h"
#include "registry/notify/notifier.h"

namespace caisson::registry {
namespace {

using notify::Event;

bool is_ip(std::string_view text) {
  std::array<unsigned char, sizeof(in6_addr)> address{};
  const std::string whole(text);
  return ::inet_pton(AF_INET, whole.c_str(), address.data()) == 1 ||
         ::inet_pton(AF_INET6, whole.c_str(), address.data()) == 1;
}

// registry:2's requestutil.RemoteAddr: whom the proxies in front name, or the connection's other end.
std::string address_of(const Request& request) {
  const http::Headers& headers = request.head().headers;
  if (request.settings.forwarded) {
    for (const char* const name : {"X-Forwarded-For", "X-Real-Ip"}) {
      const std::string* const value = headers.find(name);
      if (value == nullptr) continue;
      const std::string_view first = text::trimmed(std::string_view(*value).substr(0, value->find(',')));
      if (is_ip(first)) return std::string(first);
    }
  }
  const std::string& host = request.exchange.client_address();
  const bool colons = host.find(':') != std::string::npos && !host.starts_with('[') && !host.starts_with("unix:");
  return (colons ? '[' + host + ']' : host) + ':' + std::to_string(request.exchange.client_port());
}

Event event_of(Request& request, notify::Action action) {
  Event event;
  event.action = action;
  event.repository = request.repository.name().str();
  if (request.event_id.empty()) request.event_id = notify::new_uuid();
  event.request_id = request.event_id;
  event.address = address_of(request);
  event.host = request.exchange.client_host();
  event.method = request.head().method;
  if (const std::string* agent = request.head().headers.find("User-Agent")) event.user_agent = *agent;
  event.user = request.exchange.user();
  return event;
}

template <class Complete>
void announce(Request& request, notify::Action action, Complete complete) {
  if (request.notifier == nullptr) return;
  try {
    Event event = event_of(request, action);
    complete(event);
    request.notifier->publish(event);
  } catch (const std::exception&) {  // no memory or no randomness: what happened has happened
  }
}

}  // namespace

void announce_blob(Request& request, notify::Action action, const store::Digest& digest, std::uint64_t size,
                   const std::string& mounted_from) {
  announce(request, action, [&](Event& event) {
    event.media_type = "application/octet-stream";
    event.size = size;
    event.digest = digest.str();
    event.from_repository = mounted_from;
    event.url = blob_location(request, digest);
  });
}

void announce_manifest(Request& request, notify::Action action, const store::Digest& digest, std::string_view bytes,
                       const std::string& media_type, const std::string& tag) {
  announce(request, action, [&](Event& event) {
    event.media_type = media_type;
    event.size = bytes.size();
    event.digest = digest.str();
    event.url = location(request, "/v2/" + event.repository + "/manifests/" + event.digest);
    event.tag = tag;
    if (request.notifier->wants_references()) event.references = notify::references_of(bytes);
  });
}

void announce_removed_content(Request& request, const store::Digest& digest) {
  announce(request, notify::Action::Delete, [&](Event& event) { event.digest = digest.str(); });
}

void announce_removed_tag(Request& request, const store::Tag& tag) {
  announce(request, notify::Action::Delete, [&](Event& event) { event.tag = tag.str(); });
}

std::vector<store::Tag> tags_to_go(Request& request, const store::Digest& digest) {
  std::vector<store::Tag> tags;
  if (request.notifier == nullptr) return tags;
  const auto all = request.repository.tags("", std::numeric_limits<std::size_t>::max());
  if (!all.ok()) return tags;
  for (const std::string& name : all.value().names) {
    auto tag = store::Tag::parse(name);
    if (!tag.ok()) continue;
    const auto target = request.repository.tagged(tag.value());
    if (target.ok() && target.value() == digest) tags.push_back(std::move(tag).value());
  }
  return tags;
}

void announce_gone(Request& request, const std::vector<store::Tag>& tags) {
  for (const store::Tag& tag : tags) {
    const auto target = request.repository.tagged(tag);
    if (!target.ok() && target.error().code == ErrorCode::NotFound) announce_removed_tag(request, tag);
  }
}

}  // namespace caisson::registry
