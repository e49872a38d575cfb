// /v2/NAME/blobs/uploads/: all the ways in which a blob comes in (registry contract, section 5).
#pragma once

#include "registry/api/request.h"

namespace caisson::registry {

async::Task<void> start_upload(Request& request);   // POST: begin, mount, or the whole blob at once
async::Task<void> show_upload(Request& request);    // GET, HEAD
async::Task<void> extend_upload(Request& request);  // PATCH
async::Task<void> finish_upload(Request& request);  // PUT
async::Task<void> cancel_upload(Request& request);  // DELETE

}  // namespace caisson::registry
