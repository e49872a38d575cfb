// What collection and retention took out of a store: renamed away, and kept for a while. There is a folder for each
// time that they ran; in it everything lies at the path that it had, so that what is missed can be looked up and
// brought back in a few steps. registry:2 does not look there.
//
// Ownership: none; these are functions over a driver. Threading: any number of threads and processes. Every call may
// block (BlockingPool). Errors: the driver's.
#pragma once

#include <span>
#include <vector>

#include "base/result.h"
#include "registry/store/driver.h"
#include "registry/store/name.h"

namespace caisson::registry::store {

// What there is, oldest first.
Result<std::vector<TrashName>> trash_names(const Driver& driver);

// Moves it back to its place, from wherever it was thrown last. NotFound when it is nowhere in the trash; Conflict when
// its place is taken.
Result<void> bring_back(Driver& driver, const Key& place);

// Removes for good what was thrown before that time. How many times' worth it was.
Result<std::size_t> empty_trash(Driver& driver, Time before);

}  // namespace caisson::registry::store
