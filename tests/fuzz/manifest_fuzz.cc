// Manifests from strangers: what is accepted has a known type and refers to digests alone, and its type is read from
// the stored bytes just as it was when it was pushed. manifest_fuzz tests/fuzz/corpus/manifest
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "registry/manifest/manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace caisson::registry;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const StoredManifest stored = inspect_stored_manifest(bytes);
  for (const char c : stored.media_type) {
    if (c <= ' ' || c >= '\x7f') std::abort();  // it becomes a header
  }
  for (const std::string_view type : {std::string_view(), media::kOciImage, media::kOciIndex, media::kDockerImage}) {
    const auto parsed = parse_pushed_manifest(bytes, type);
    const auto* manifest = std::get_if<PushedManifest>(&parsed);
    if (manifest != nullptr && manifest->media_type != stored.media_type) std::abort();
  }
  return 0;
}
