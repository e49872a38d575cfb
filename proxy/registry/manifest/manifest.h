// What a manifest's JSON says: its media type, and what it refers to (registry contract, section 6). The bytes
// themselves are kept and served as they came.
//
// Threading: none of its own; parsing a large one takes milliseconds, so it belongs on the BlockingPool.
// Limits: nesting and the number of values are bounded before anything is built from the text.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "registry/store/digest.h"
#include "registry/store/repository.h"

namespace caisson::registry {

namespace media {
inline constexpr std::string_view kDockerImage = "application/vnd.docker.distribution.manifest.v2+json";
inline constexpr std::string_view kDockerList = "application/vnd.docker.distribution.manifest.list.v2+json";
inline constexpr std::string_view kOciImage = "application/vnd.oci.image.manifest.v1+json";
inline constexpr std::string_view kOciIndex = "application/vnd.oci.image.index.v1+json";
inline constexpr std::string_view kDockerSchema1 = "application/vnd.docker.distribution.manifest.v1+prettyjws";
}  // namespace media

// Why a pushed manifest is refused, in words for its author.
struct InvalidManifest {
  std::string_view problem;
};

struct PushedManifest {
  std::string media_type;
  store::References references;
  // What the manifest is about; it need not be there.
  std::optional<store::Digest> subject = {};
};

// Whether a layer may name this URL as the place where it is kept instead.
using UrlRule = std::function<bool(const std::string&)>;
// The rule where nothing else is set: http and https, without a fragment.
bool is_layer_url(const std::string& url);

// Reads a pushed manifest strictly. `content_type` is the header's value, or "" when there was none.
std::variant<PushedManifest, InvalidManifest> parse_pushed_manifest(std::string_view bytes,
                                                                    std::string_view content_type,
                                                                    const UrlRule& accepts = is_layer_url);

// What is known of a stored manifest, whoever stored it. Nothing is refused here.
struct StoredManifest {
  std::string media_type;
  // Of a Docker list: the image that a client gets which does not know lists.
  std::optional<store::Digest> linux_amd64;
};
StoredManifest inspect_stored_manifest(std::string_view bytes);

// The subject of a stored manifest, if it names one.
std::optional<store::Digest> subject_of(std::string_view bytes);
// The manifests that a stored index lists.
std::vector<store::Digest> listed_manifests(std::string_view bytes);

// All that a stored manifest names and somebody needs who pulls it, whoever stored it and of whatever kind it is (also
// registry:2's schema 1): for those who look after the store. Layers that may be kept elsewhere are told apart, as they
// need not be there. Nothing when the bytes are no manifest at all.
struct StoredReferences {
  store::References needed;
  std::vector<store::Digest> elsewhere;
  std::optional<store::Digest> subject = {};
};
std::optional<StoredReferences> references_of(std::string_view bytes);

// A stored manifest as it stands in a list of referrers.
struct Referrer {
  std::string artifact_type;
  std::string descriptor;  // JSON
};
Referrer describe_referrer(const store::Digest& digest, std::string_view bytes);

}  // namespace caisson::registry
