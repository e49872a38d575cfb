#include "limits/zones.h"

#include "config/arguments.h"

namespace caisson::limits {

using config::Directive;
using rules::Loader;

namespace {

// nginx keeps eight pages at least.
constexpr std::size_t least_bytes = std::size_t{8} * 4096;

template <class Zone, class Other>
Result<SlotPtr<Zone>> slot(std::map<std::string, SlotPtr<Zone>>& mine,
                           const std::map<std::string, SlotPtr<Other>>& others, const Directive& d,
                           const std::string& name) {
  if (others.count(name) != 0) {
    return config::error_at(d.at, "the shared memory zone \"" + name + "\" is already declared for a different use");
  }
  SlotPtr<Zone>& found = mine[name];
  if (!found) found = std::make_shared<Slot<Zone>>(Slot<Zone>{name, d.at, {}, nullptr, {}});
  return found;
}

template <class Zone>
void note_missing(Loader& loader, const std::map<std::string, SlotPtr<Zone>>& slots, std::string_view maker) {
  for (const auto& [name, slot] : slots) {
    if (slot->zone) continue;
    loader.note(config::error_at(slot->mentioned, "zero size shared memory zone \"" + name + '"',
                                 "\"" + std::string(maker) + "\" in the http block makes it"));
  }
}

}  // namespace

Result<SlotPtr<RequestZone>> request_slot(Loader& loader, const Directive& d, const std::string& name) {
  Zones& zones = loader.root().own<Zones>();
  return slot(zones.requests, zones.connections, d, name);
}

Result<SlotPtr<ConnectionZone>> connection_slot(Loader& loader, const Directive& d, const std::string& name) {
  Zones& zones = loader.root().own<Zones>();
  return slot(zones.connections, zones.requests, d, name);
}

Result<ZoneArgument> read_zone(const Directive& d, const std::string& argument) {
  const std::string text = argument.substr(argument.find('=') + 1);
  const std::size_t colon = text.find(':');
  const auto bytes = colon == std::string::npos ? std::nullopt : config::parse_size(text.substr(colon + 1));
  if (!bytes) return config::error_at(d.at, "invalid zone size \"" + argument + '"');
  if (*bytes < least_bytes) return config::error_at(d.at, "zone \"" + argument + "\" is too small");
  return ZoneArgument{text.substr(0, colon), static_cast<std::size_t>(*bytes)};
}

std::vector<SharedMemories::Wanted> memories_of(const rules::Settings& settings) {
  const Zones& zones = settings.root.get<Zones>();
  std::vector<SharedMemories::Wanted> all;
  for (const auto& [name, slot] : zones.requests) all.push_back(slot->memory);
  for (const auto& [name, slot] : zones.connections) all.push_back(slot->memory);
  return all;
}

Result<void> check_zones(Loader& loader, rules::Level& root) {
  const Zones& zones = root.own<Zones>();
  note_missing(loader, zones.requests, "limit_req_zone");
  note_missing(loader, zones.connections, "limit_conn_zone");
  return {};
}

}  // namespace caisson::limits
