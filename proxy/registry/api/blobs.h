// /v2/NAME/blobs/DIGEST: reading, parts of it, and deletion (registry contract, section 4).
#pragma once

#include "registry/api/request.h"

namespace caisson::registry {

async::Task<void> head_blob(Request& request);
async::Task<void> get_blob(Request& request);
async::Task<void> delete_blob(Request& request);

}  // namespace caisson::registry
