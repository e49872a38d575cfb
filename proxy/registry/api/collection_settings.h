// What `registry_gc` and `registry_retention` say, for the registry that serves and for the command that collects.
//
// Ownership: values.
#pragma once

#include <optional>

#include "base/result.h"
#include "config/directive.h"
#include "registry/maintenance/collector.h"

namespace caisson::registry {

struct Collecting {
  bool scheduled = false;
  maintenance::Schedule schedule = {};
  maintenance::CollectionRules rules = {};
};

// registry_gc [off] [interval=TIME] [grace=TIME] [trash=TIME] [rate=NUMBER] [untagged=on|off] [dry_run=on|off]
// [first=TIME]; the last is when to begin after the start.
Result<Collecting> read_collecting(const config::Directive& directive);
// registry_retention PATTERN [newest=NUMBER] [younger=TIME] [keep=PATTERN] [dry_run=on|off];
Result<maintenance::RetentionRule> read_retention(const config::Directive& directive);

// How old a lease may become where the grace period is that long.
std::chrono::milliseconds lease_age_for(std::chrono::milliseconds grace);

}  // namespace caisson::registry
