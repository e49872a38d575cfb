// /v2/NAME/referrers/DIGEST: the manifests of a repository that are about another one (registry contract, section 8).
#pragma once

#include "registry/api/request.h"

namespace caisson::registry {

async::Task<void> list_referrers(Request& request);

}  // namespace caisson::registry
