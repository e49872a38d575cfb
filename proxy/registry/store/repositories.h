// Walks through folders, for those who look after a store.
#pragma once

#include <functional>
#include <optional>

#include "base/result.h"
#include "registry/store/driver.h"
#include "registry/store/name.h"

namespace caisson::registry::store {

// Calls visit() for every repository, in the order of the catalog, but also for those that registry:2 would not list as
// they have no layers. The first error ends the walk; a folder that is removed meanwhile is none. With `trash` it goes
// through those that were thrown then.
Result<void> each_repository(const Driver& driver, const std::function<Result<void>(const RepositoryName&)>& visit,
                             const std::optional<TrashName>& trash = {});

// The folders in a folder; none when it is not there.
Result<Names> folders_if_any(const Driver& driver, const Key& folder);

}  // namespace caisson::registry::store
