// What a request did, for the registry's notifications. Nothing happens where there are none.
//
// Threading: on the pool, in the same job that did it, so that whoever is told of a success can rely on its event.
// Errors: none; an event that cannot be made is lost, and what it is about is not.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "registry/api/request.h"
#include "registry/notify/event.h"

namespace caisson::registry {

void announce_blob(Request& request, notify::Action action, const store::Digest& digest, std::uint64_t size,
                   const std::string& mounted_from = {});
// `tag`: "" when it was named by its digest.
void announce_manifest(Request& request, notify::Action action, const store::Digest& digest, std::string_view bytes,
                       const std::string& media_type, const std::string& tag);
void announce_removed_content(Request& request, const store::Digest& digest);
void announce_removed_tag(Request& request, const store::Tag& tag);

// The tags that point at the manifest, and would go with it; none where nobody wants to know.
std::vector<store::Tag> tags_to_go(Request& request, const store::Digest& digest);
// Announces those of them that went.
void announce_gone(Request& request, const std::vector<store::Tag>& tags);

}  // namespace caisson::registry
