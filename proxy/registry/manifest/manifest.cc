#include "registry/manifest/manifest.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"

namespace caisson::registry {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kDeepest = 64;
constexpr std::size_t kMostValues = 200'000;

// Whether the text is small enough in structure to be parsed: counts brackets and commas outside of strings.
bool within_limits(std::string_view text) noexcept {
  std::size_t depth = 0;
  std::size_t values = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
      continue;
    }
    if (c == '"') in_string = true;
    if (c == '{' || c == '[') ++depth;
    if ((c == '}' || c == ']') && depth > 0) --depth;
    if (c == ',' || c == '{' || c == '[') ++values;
    if (depth > kDeepest || values > kMostValues) return false;
  }
  return true;
}

// The document, or a discarded value.
Json parse(std::string_view bytes) {
  if (!within_limits(bytes)) return Json(Json::value_t::discarded);
  return Json::parse(bytes, nullptr, false);
}

// The text under a key, or "" when it is absent or no text.
std::string text_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::optional<store::Digest> digest_of_descriptor(const Json& descriptor) {
  if (!descriptor.is_object()) return std::nullopt;
  auto digest = store::Digest::parse(text_at(descriptor, "digest"));
  if (!digest.ok()) return std::nullopt;
  return std::move(digest).value();
}

bool is_index(std::string_view type) noexcept { return type == media::kDockerList || type == media::kOciIndex; }
bool is_docker(std::string_view type) noexcept { return type == media::kDockerList || type == media::kDockerImage; }
bool is_known(std::string_view type) noexcept {
  return is_docker(type) || type == media::kOciImage || type == media::kOciIndex;
}

// Layers that are fetched from elsewhere, or not at all, need not be in the registry.
enum class Where { Here, Elsewhere, Invalid };
Where layer_is(const Json& layer, const UrlRule& accepts) {
  if (const auto urls = layer.find("urls"); urls != layer.end() && urls->is_array() && !urls->empty()) {
    const bool all_fine = std::all_of(urls->begin(), urls->end(), [&](const Json& url) {
      return url.is_string() && accepts(url.get_ref<const std::string&>());
    });
    return all_fine ? Where::Elsewhere : Where::Invalid;
  }
  const std::string type = text_at(layer, "mediaType");
  const bool foreign =
      type.find("nondistributable") != std::string::npos || type.find(".foreign.") != std::string::npos;
  return foreign ? Where::Elsewhere : Where::Here;
}

// The problem, or "".
std::string_view read_index(const Json& document, store::References& references) {
  if (document.contains("config") || document.contains("layers")) return "an index has neither config nor layers";
  const auto manifests = document.find("manifests");
  if (manifests == document.end() || !manifests->is_array()) return "an index needs a list of manifests";
  for (const Json& descriptor : *manifests) {
    auto digest = digest_of_descriptor(descriptor);
    if (!digest) return "an entry of the index has no valid digest";
    references.manifests.push_back(std::move(*digest));
  }
  return {};
}

std::string_view read_image(const Json& document, const UrlRule& accepts, store::References& references) {
  if (document.contains("manifests")) return "an image has no list of manifests";
  const auto config = document.find("config");
  auto config_digest = config == document.end() ? std::nullopt : digest_of_descriptor(*config);
  if (!config_digest) return "the image has no config with a valid digest";
  references.blobs.push_back(std::move(*config_digest));
  const auto layers = document.find("layers");
  if (layers == document.end()) return {};
  if (!layers->is_array()) return "layers is not a list";
  for (const Json& layer : *layers) {
    auto digest = digest_of_descriptor(layer);
    if (!digest) return "a layer has no valid digest";
    const Where where = layer_is(layer, accepts);
    if (where == Where::Invalid) return "a layer has an invalid URL";
    if (where == Where::Here) references.blobs.push_back(std::move(*digest));
  }
  return {};
}

bool has_schema_version(const Json& document, int version) {
  const auto found = document.find("schemaVersion");
  return found != document.end() && found->is_number_integer() && *found == version;
}

// A stored value that may go into a header.
bool is_header_text(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

std::string stored_type(const Json& document) {
  std::string named = text_at(document, "mediaType");
  if (is_header_text(named)) return named;
  if (has_schema_version(document, 1)) return std::string(media::kDockerSchema1);
  const auto manifests = document.find("manifests");
  const bool index = manifests != document.end() && manifests->is_array();
  return std::string(index ? media::kOciIndex : media::kOciImage);
}

std::optional<store::Digest> linux_amd64_of(const Json& document) {
  const auto manifests = document.find("manifests");
  if (manifests == document.end() || !manifests->is_array()) return std::nullopt;
  for (const Json& descriptor : *manifests) {
    if (!descriptor.is_object()) continue;
    const auto platform = descriptor.find("platform");
    if (platform == descriptor.end() || !platform->is_object()) continue;
    if (text_at(*platform, "os") == "linux" && text_at(*platform, "architecture") == "amd64") {
      return digest_of_descriptor(descriptor);
    }
  }
  return std::nullopt;
}

}  // namespace

bool is_layer_url(const std::string& url) {
  return (url.starts_with("http://") || url.starts_with("https://")) && url.find('#') == std::string::npos;
}

std::variant<PushedManifest, InvalidManifest> parse_pushed_manifest(std::string_view bytes,
                                                                    std::string_view content_type,
                                                                    const UrlRule& accepts) {
  const Json document = parse(bytes);
  if (document.is_discarded()) return InvalidManifest{"not JSON, or too deeply nested"};
  if (!document.is_object()) return InvalidManifest{"not a JSON object"};
  if (!has_schema_version(document, 2)) return InvalidManifest{"schemaVersion must be 2"};

  const std::string declared = text::lowered(text::trimmed(content_type.substr(0, content_type.find(';'))));
  const std::string named = text_at(document, "mediaType");
  const bool says_nothing = declared.empty() || declared == "application/json";
  PushedManifest manifest{says_nothing ? named : declared, {}, {}};
  if (manifest.media_type.empty()) return InvalidManifest{"neither Content-Type nor mediaType tells what it is"};
  if (!is_known(manifest.media_type)) return InvalidManifest{"unsupported media type"};
  if (!named.empty() && named != manifest.media_type) {
    return InvalidManifest{"mediaType is not what the Content-Type says"};
  }
  if (named.empty() && is_docker(manifest.media_type)) return InvalidManifest{"mediaType is missing"};

  const std::string_view problem = is_index(manifest.media_type) ? read_index(document, manifest.references)
                                                                 : read_image(document, accepts, manifest.references);
  if (!problem.empty()) return InvalidManifest{problem};
  if (const auto subject = document.find("subject"); subject != document.end() && !subject->is_null()) {
    manifest.subject = digest_of_descriptor(*subject);
    if (!manifest.subject) return InvalidManifest{"the subject has no valid digest"};
  }
  return manifest;
}

StoredManifest inspect_stored_manifest(std::string_view bytes) {
  const Json document = parse(bytes);
  if (!document.is_object()) return {"application/octet-stream", std::nullopt};
  StoredManifest manifest{stored_type(document), std::nullopt};
  if (manifest.media_type == media::kDockerList) manifest.linux_amd64 = linux_amd64_of(document);
  return manifest;
}

std::optional<store::Digest> subject_of(std::string_view bytes) {
  // Most have none, and need no parsing; unless the name could be written with escapes.
  if (bytes.find(R"("subject")") == std::string_view::npos && bytes.find('\\') == std::string_view::npos) {
    return std::nullopt;
  }
  const Json document = parse(bytes);
  if (!document.is_object()) return std::nullopt;
  const auto subject = document.find("subject");
  return subject == document.end() ? std::nullopt : digest_of_descriptor(*subject);
}

std::vector<store::Digest> listed_manifests(std::string_view bytes) {
  std::vector<store::Digest> listed;
  const Json document = parse(bytes);
  if (!document.is_object()) return listed;
  const auto manifests = document.find("manifests");
  if (manifests == document.end() || !manifests->is_array()) return listed;
  for (const Json& descriptor : *manifests) {
    if (auto digest = digest_of_descriptor(descriptor)) listed.push_back(std::move(*digest));
  }
  return listed;
}

std::optional<StoredReferences> references_of(std::string_view bytes) {
  const Json document = parse(bytes);
  if (!document.is_object()) return std::nullopt;
  StoredReferences references;
  const auto take = [](const Json& descriptor, std::vector<store::Digest>& into) {
    if (auto digest = digest_of_descriptor(descriptor)) into.push_back(std::move(*digest));
  };
  if (const auto found = document.find("manifests"); found != document.end() && found->is_array()) {
    for (const Json& descriptor : *found) take(descriptor, references.needed.manifests);
  }
  if (const auto found = document.find("config"); found != document.end()) take(*found, references.needed.blobs);
  // OCI's artifacts, which came and went before 1.1, call them blobs.
  for (const char* const key : {"layers", "blobs"}) {
    const auto found = document.find(key);
    if (found == document.end() || !found->is_array()) continue;
    for (const Json& layer : *found) {
      if (!layer.is_object()) continue;
      const bool here = layer_is(layer, is_layer_url) == Where::Here;
      take(layer, here ? references.needed.blobs : references.elsewhere);
    }
  }
  // Schema 1 has them under another name.
  if (const auto found = document.find("fsLayers"); found != document.end() && found->is_array()) {
    for (const Json& layer : *found) {
      if (!layer.is_object()) continue;
      auto digest = store::Digest::parse(text_at(layer, "blobSum"));
      if (digest.ok()) references.needed.blobs.push_back(std::move(digest).value());
    }
  }
  if (const auto found = document.find("subject"); found != document.end()) {
    references.subject = digest_of_descriptor(*found);
  }
  return references;
}

Referrer describe_referrer(const store::Digest& digest, std::string_view bytes) {
  const Json document = parse(bytes);
  Json descriptor{{"digest", digest.str()}, {"size", bytes.size()}};
  if (!document.is_object()) return {"", descriptor.dump()};
  descriptor["mediaType"] = stored_type(document);
  std::string type = text_at(document, "artifactType");
  const auto config = document.find("config");
  if (type.empty() && config != document.end() && config->is_object()) type = text_at(*config, "mediaType");
  if (!type.empty()) descriptor["artifactType"] = type;
  const auto annotations = document.find("annotations");
  if (annotations != document.end() && annotations->is_object() && !annotations->empty()) {
    descriptor["annotations"] = *annotations;
  }
  return {std::move(type), descriptor.dump(-1, ' ', false, Json::error_handler_t::replace)};
}

}  // namespace caisson::registry
