// Paths and ranges as the registry reads them: whatever is sent, no key leaves the store's root, and a range lies
// inside the blob. registry_path_fuzz tests/fuzz/corpus/registry_path
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "registry/api/range.h"
#include "registry/routes/route.h"
#include "registry/store/layout.h"

namespace {

using namespace caisson::registry;

void require(bool holds) {
  if (!holds) std::abort();
}

// Below the root, with no part that is empty or leads elsewhere.
void check(const store::Key& key) {
  std::string_view path = key.path();
  require(path.starts_with("docker/registry/v2/"));
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    const std::string_view part = path.substr(0, slash);
    require(!part.empty() && part != "." && part != ".." && part.find('\0') == std::string_view::npos);
    require(part.size() <= 255);
    path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Route route = find_route(text);
  if (const auto name = store::RepositoryName::parse(route.name); name.ok()) {
    if (const auto digest = store::Digest::parse(route.reference); digest.ok()) {
      check(store::Layout::blob_data(digest.value()));
      check(store::Layout::layer_link(name.value(), digest.value()));
    }
    if (const auto tag = store::Tag::parse(route.reference); tag.ok()) {
      check(store::Layout::tag_current_link(name.value(), tag.value()));
    }
    if (const auto id = store::UploadId::parse(route.reference); id.ok()) {
      check(store::Layout::upload_data(name.value(), id.value()));
    }
  }
  for (const std::uint64_t blob : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{10}, UINT64_MAX}) {
    const auto part = parse_range(text, blob);
    if (const auto* range = std::get_if<ByteRange>(&part)) require(range->first <= range->last && range->last < blob);
  }
  if (const auto chunk = parse_content_range(text)) require(chunk->first <= chunk->last && chunk->size() != 0);
  return 0;
}
