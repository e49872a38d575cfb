#include "registry/routes/route.h"

#include <array>
#include <utility>

namespace caisson::registry {
namespace {

// Takes the last part off the path: "a/b/c" -> "a/b" and "c".
std::string_view take_last(std::string_view& path) noexcept {
  const std::size_t slash = path.rfind('/');
  const std::string_view last = slash == std::string_view::npos ? path : path.substr(slash + 1);
  path = slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
  return last;
}

}  // namespace

Route find_route(std::string_view path) noexcept {
  using Kind = Route::Kind;
  if (path == "/") return {Kind::Root, {}, {}};
  if (path == "/v2") return {Kind::VersionBare, {}, {}};
  constexpr std::string_view kBase = "/v2/";
  if (!path.starts_with(kBase)) return {};
  path.remove_prefix(kBase.size());
  if (path.empty()) return {Kind::Version, {}, {}};
  if (path == "_catalog") return {Kind::Catalog, {}, {}};

  std::string_view rest = path;
  const std::string_view last = take_last(rest);
  std::string_view before = rest;
  const std::string_view collection = take_last(before);
  if (collection == "manifests") return {Kind::Manifest, before, last};
  if (collection == "referrers") return {Kind::Referrers, before, last};
  if (collection == "blobs")
    return last == "uploads" ? Route{Kind::Uploads, before, {}} : Route{Kind::Blob, before, last};
  if (collection == "tags" && last == "list") return {Kind::Tags, before, {}};
  const std::string_view middle = collection;
  std::string_view name = before;
  const std::string_view outer = take_last(name);
  if (outer == "blobs" && middle == "uploads") return {last.empty() ? Kind::Uploads : Kind::Upload, name, last};
  if (outer == "tags" && middle == "list" && last.empty()) return {Kind::Tags, name, {}};
  return {};
}

std::string_view allowed_methods(Route::Kind kind) noexcept {
  switch (kind) {
    case Route::Kind::Manifest:
      return "DELETE, GET, HEAD, PUT";
    case Route::Kind::Blob:
      return "DELETE, GET, HEAD";
    case Route::Kind::Uploads:
      return "POST";
    case Route::Kind::Upload:
      return "DELETE, GET, HEAD, PATCH, PUT";
    default:
      return "GET, HEAD";
  }
}

}  // namespace caisson::registry
