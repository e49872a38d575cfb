// Which resource of the registry's API a path names (registry contract, section 2).
//
// Threading: none of its own.
#pragma once

#include <string>
#include <string_view>

namespace caisson::registry {

struct Route {
  enum class Kind {
    Unknown,
    Root,         // "/": liveness
    VersionBare,  // "/v2", which moves to "/v2/"
    Version,      // "/v2/"
    Catalog,      // "/v2/_catalog"
    Tags,         // "/v2/NAME/tags/list"
    Manifest,     // "/v2/NAME/manifests/REFERENCE"
    Referrers,    // "/v2/NAME/referrers/DIGEST"
    Blob,         // "/v2/NAME/blobs/DIGEST"
    Uploads,      // "/v2/NAME/blobs/uploads/"
    Upload,       // "/v2/NAME/blobs/uploads/ID"
  };
  Kind kind = Kind::Unknown;
  std::string_view name;       // as in the path: not parsed yet
  std::string_view reference;  // what follows: a tag, digest or upload id; not parsed yet
};

// Names may have slashes, and a repository may be called "a/manifests/b": so the last parts of the path decide. The
// views are into `path`, which is percent-decoded.
Route find_route(std::string_view path) noexcept;

// The methods that the route knows, sorted, as in an Allow header.
std::string_view allowed_methods(Route::Kind kind) noexcept;

}  // namespace caisson::registry
