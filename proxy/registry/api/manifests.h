// /v2/NAME/manifests/REFERENCE: by tag or by digest (registry contract, section 6).
#pragma once

#include "registry/api/request.h"

namespace caisson::registry {

async::Task<void> get_manifest(Request& request);  // and HEAD
async::Task<void> put_manifest(Request& request);
async::Task<void> delete_manifest(Request& request);

}  // namespace caisson::registry
