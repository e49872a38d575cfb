// The zones of a configuration by name: `limit_req_zone $key zone=NAME:SIZE ...` makes one, `limit_req zone=NAME` uses
// it, in whatever order they stand. All loops share them, and so do the workers before and after a reload while a
// zone's name, size and key stay (ngx_init_cycle): the master makes their memory and hands it to each.
//
// Ownership: in the outermost level of the settings. Threading: filled while loading, read-only afterwards.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/shared_memory.h"
#include "config/directive.h"
#include "limits/connection_zone.h"
#include "limits/request_zone.h"
#include "rules/loader.h"
#include "rules/template.h"

namespace caisson::limits {

template <class Zone>
struct Slot {
  std::string name;
  config::SourcePos mentioned;  // where it was named first
  rules::Template key;
  std::shared_ptr<Zone> zone;  // null: nothing makes it, which ends loading
  SharedMemories::Wanted memory;
};

template <class Zone>
using SlotPtr = std::shared_ptr<Slot<Zone>>;

struct Zones {
  std::map<std::string, SlotPtr<RequestZone>> requests;
  std::map<std::string, SlotPtr<ConnectionZone>> connections;
};

// The slot of that name, made when nobody has named it before. The error is nginx's.
Result<SlotPtr<RequestZone>> request_slot(rules::Loader& loader, const config::Directive& d, const std::string& name);
Result<SlotPtr<ConnectionZone>> connection_slot(rules::Loader& loader, const config::Directive& d,
                                                const std::string& name);

// "zone=NAME:SIZE"
struct ZoneArgument {
  std::string name;
  std::size_t bytes = 0;
};
Result<ZoneArgument> read_zone(const config::Directive& d, const std::string& argument);

// The memories that the zones of a configuration have in common with those of the next.
std::vector<SharedMemories::Wanted> memories_of(const rules::Settings& settings);

// The memory for a zone that `d` makes, of which the slot has the key already.
template <class Zone>
std::shared_ptr<SharedMemory> memory_of(rules::Loader& loader, const config::Directive& d, Slot<Zone>& slot,
                                        std::size_t bytes) {
  slot.memory.name = d.name + ' ' + slot.name + ' ' + std::to_string(bytes) + ' ' + slot.key.source();
  slot.memory.bytes = Zone::memory_for(bytes);
  const SharedMemories* const shared = loader.services().memories;
  if (shared == nullptr) return SharedMemory::alone(slot.memory.bytes);
  return shared->get(slot.memory.name, slot.memory.bytes);
}

// Refuses a zone that was made before.
template <class Zone>
Result<void> check_new(const config::Directive& d, const Slot<Zone>& slot) {
  if (!slot.zone) return {};
  return config::error_at(d.at, d.name + " \"" + slot.name + "\" is already bound to key \"" + slot.key.source() + '"');
}

// Refuses zones that are used and that nothing makes.
Result<void> check_zones(rules::Loader& loader, rules::Level& root);

}  // namespace caisson::limits
