// Every digest that a tag ever had, as registry:2 notes it: a folder for each.
//
// Threading: any. The call may block.
#pragma once

#include <vector>

#include "registry/store/store.h"

namespace caisson::registry::doctor {

// Whatever is wrong with the links in the folders. What cannot be listed is left out.
std::vector<store::Digest> tag_history(const store::Store& store, const store::RepositoryName& name,
                                       const store::Tag& tag);

}  // namespace caisson::registry::doctor
