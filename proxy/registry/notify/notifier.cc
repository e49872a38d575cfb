#include "registry/notify/notifier.h"

#include <unistd.h>

#include <array>
#include <functional>

#include "http/message.h"

namespace caisson::registry::notify {
namespace {

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "localhost";
}

// A folder's name for an endpoint's: letters, digits and dashes as they are, the rest in hexadecimal.
std::string folder_name(const std::string& endpoint) {
  constexpr std::string_view hex = "0123456789abcdef";
  std::string name;
  for (const char c : endpoint) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
    if (plain) {
      name += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      name += {'_', hex[byte >> 4U], hex[byte & 15U]};
    }
  }
  return name;
}

using Numbers = Endpoint::Numbers;
struct Kind {
  std::string_view name;
  std::uint64_t Numbers::*count;
};
constexpr std::array kinds = {
    Kind{"Events", &Numbers::events}, Kind{"Successes", &Numbers::successes}, Kind{"Failures", &Numbers::failures},
    Kind{"Errors", &Numbers::errors}, Kind{"Dropped", &Numbers::dropped},
};

}  // namespace

Notifier::Notifier(Settings settings, const std::string& folder, const observe::ErrorLog& log)
    : settings_(std::move(settings)) {
  const bool lacks_host = settings_.source.empty() || settings_.source.starts_with(':');
  source_ = {(lacks_host ? host_name() : "") + settings_.source, new_uuid()};
  for (const EndpointSettings& endpoint : settings_.endpoints) {
    const std::string own = folder.empty() ? "" : folder + '/' + folder_name(endpoint.name);
    endpoints_.push_back(std::make_unique<Endpoint>(endpoint, own, log));
  }
}

void Notifier::publish(const Event& event) {
  std::string json;
  for (const auto& endpoint : endpoints_) {
    if (!endpoint->settings().wants(event)) continue;
    if (json.empty()) json = to_json(event, source_);
    endpoint->publish(json);
  }
}

// The names that distribution 3 gives these numbers; "Dropped" is ours.
void Notifier::write(observe::Exposition& to) const {
  std::vector<std::pair<std::string_view, Numbers>> all;
  for (const auto& endpoint : endpoints_) all.emplace_back(endpoint->settings().name, endpoint->numbers());
  to.family("registry_notifications_events_total", "counter", "The number of total events");
  for (const auto& [name, numbers] : all) {
    for (const Kind& kind : kinds) {
      to.sample("registry_notifications_events_total", {{"endpoint", name}, {"type", kind.name}},
                static_cast<double>(numbers.*kind.count));
    }
  }
  to.family("registry_notifications_pending_total", "gauge", "The gauge of pending events in queue");
  for (const auto& [name, numbers] : all) {
    to.sample("registry_notifications_pending_total", {{"endpoint", name}}, static_cast<double>(numbers.pending));
  }
  to.family("registry_notifications_status_total", "counter", "The number of status code");
  for (const auto& [name, numbers] : all) {
    for (const auto& [status, count] : numbers.statuses) {
      const std::string code =
          std::to_string(status) + ' ' + std::string(http::reason_phrase(static_cast<unsigned>(status)));
      to.sample("registry_notifications_status_total", {{"code", code}, {"endpoint", name}},
                static_cast<double>(count));
    }
  }
}

}  // namespace caisson::registry::notify
