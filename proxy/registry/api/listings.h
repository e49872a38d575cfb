// /v2/_catalog and /v2/NAME/tags/list: sorted, in pages (registry contract, section 9).
#pragma once

#include "registry/api/request.h"

namespace caisson::registry {

async::Task<void> list_tags(Request& request);
async::Task<void> list_catalog(http::Exchange& exchange, const store::Store& store, async::BlockingPool& disk,
                               const ApiSettings& settings);

}  // namespace caisson::registry
