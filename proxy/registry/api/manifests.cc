#include "registry/api/manifests.h"

#include <algorithm>

#include "base/text.h"
#include "registry/api/announcements.h"
#include "registry/manifest/manifest.h"
#include "registry/routes/query.h"

namespace caisson::registry {
namespace {

using store::Digest;
using store::Tag;

// A reference as the client wrote it.
using Reference = std::variant<Tag, Digest, Refusal>;

Reference parse_reference(std::string_view text, Code when_no_tag) {
  if (text.find(':') != std::string_view::npos) {
    auto digest = Digest::parse(text);
    if (digest.ok()) return std::move(digest).value();
    return refusal(Code::DigestInvalid, R"("digest parsing failed")");
  }
  auto tag = Tag::parse(text);
  if (tag.ok()) return std::move(tag).value();
  return refusal(when_no_tag, R"({"Tag":)" + json_string(text) + '}');
}

Refusal unknown(const Request& request, const Reference& reference) {
  if (const auto* digest = std::get_if<Digest>(&reference)) {
    return refusal(Code::ManifestUnknown, R"({"Name":)" + json_string(request.repository.name().str()) +
                                              R"(,"Revision":)" + json_string(digest->str()) + '}');
  }
  return refusal(Code::ManifestUnknown, R"({"Tag":)" + json_string(request.reference) + '}');
}

// A client that knows images but no lists: old Docker. Whoever accepts everything gets what is stored.
bool knows_images_only(const http::Headers& headers) {
  const auto accept = headers.joined("Accept");
  if (!accept) return false;
  bool image = false;
  for (const std::string_view element : text::split(*accept, ',')) {
    const std::string_view type = text::trimmed(element.substr(0, element.find(';')));
    if (type == media::kDockerList || type == media::kOciIndex || type == "*/*" || type == "application/*")
      return false;
    image = image || type == media::kDockerImage;
  }
  return image;
}

// What a GET found.
struct Found {
  Digest digest;
  std::string bytes;
  std::string media_type;
  bool depends_on_accept = false;
  bool not_modified = false;
};

// On the pool.
Result<Found> find(Request& request, const Reference& reference) {
  const http::Headers& headers = request.head().headers;
  const auto known = headers.joined("If-None-Match");
  const bool by_tag = std::holds_alternative<Tag>(reference);
  auto digest =
      by_tag ? request.repository.tagged(std::get<Tag>(reference)) : Result<Digest>(std::get<Digest>(reference));
  if (!digest.ok()) return std::move(digest).error();
  auto bytes = request.repository.manifest(digest.value());
  if (!bytes.ok()) return std::move(bytes).error();
  StoredManifest manifest = inspect_stored_manifest(bytes.value());

  std::string tag = by_tag ? std::get<Tag>(reference).str() : std::string();
  const auto announce = [&] {
    announce_manifest(request, notify::Action::Pull, digest.value(), bytes.value(), manifest.media_type, tag);
  };
  const bool list_by_tag = by_tag && manifest.media_type == media::kDockerList;
  if (list_by_tag && knows_images_only(headers)) {
    if (!manifest.linux_amd64) return Error{ErrorCode::NotFound, "the list has no image for linux/amd64"};
    announce();
    tag.clear();
    digest = std::move(*manifest.linux_amd64);
    bytes = request.repository.manifest(digest.value());
    if (!bytes.ok()) return std::move(bytes).error();
    manifest = inspect_stored_manifest(bytes.value());
  }
  const bool not_modified = known && names_etag(*known, digest.value());
  if (!not_modified) announce();
  return Found{std::move(digest).value(), std::move(bytes).value(), std::move(manifest.media_type), list_by_tag,
               not_modified};
}

// The body, or nothing when it is larger than a manifest may be.
async::Task<std::optional<std::string>> read_manifest(http::BodyReader& body) {
  if (body.size().bytes > store::kLargestManifest) co_return std::nullopt;
  std::string bytes;
  for (;;) {
    const std::span<const std::byte> slice = co_await body.read();
    if (slice.empty()) co_return bytes;
    if (bytes.size() + slice.size() > store::kLargestManifest) co_return std::nullopt;
    bytes += text::view_of(slice);
  }
}

// More tags than this in one request are refused; the OCI specification 1.2 wants ten at least.
constexpr std::size_t kMostTags = 100;

// The tags that a manifest is to get: the one in the path, or those beside a digest, ?tag=a&tag=b (OCI 1.2).
std::variant<std::vector<Tag>, Refusal> wanted_tags(const Request& request, const Reference& reference) {
  if (const auto* tag = std::get_if<Tag>(&reference)) return std::vector{*tag};
  const std::vector<std::string> values = query_values(request.head().target.args, "tag");
  if (values.size() > kMostTags) {
    Refusal too_many = refusal(Code::TagInvalid, R"("too many tags")");
    too_many.status = 414;
    return too_many;
  }
  std::vector<Tag> tags;
  for (const std::string& text : values) {
    auto tag = Tag::parse(text);
    if (!tag.ok()) return refusal(Code::TagInvalid, R"({"Tag":)" + json_string(text) + '}');
    if (std::find(tags.begin(), tags.end(), tag.value()) == tags.end()) tags.push_back(std::move(tag).value());
  }
  return tags;
}

struct StoredNow {
  Digest digest;
  std::optional<Digest> subject;
};
using Stored = std::variant<StoredNow, Refusal>;

void announce_pushed(Request& request, const Digest& digest, const std::string& bytes, const std::vector<Tag>& tags) {
  if (request.notifier == nullptr) return;
  const std::string media_type = inspect_stored_manifest(bytes).media_type;
  if (tags.empty()) announce_manifest(request, notify::Action::Push, digest, bytes, media_type, "");
  for (const Tag& tag : tags) {
    announce_manifest(request, notify::Action::Push, digest, bytes, media_type, tag.str());
  }
}

// On the pool: checks the manifest and everything that it refers to, then stores it.
Result<Stored> check_and_store(Request& request, const Reference& reference, const std::vector<Tag>& tags,
                               const std::string& bytes) {
  const std::string* type = request.head().headers.find("Content-Type");
  auto parsed = parse_pushed_manifest(bytes, type != nullptr ? *type : std::string_view(),
                                      [&](const std::string& url) { return request.settings.layer_urls.accepts(url); });
  if (const auto* invalid = std::get_if<InvalidManifest>(&parsed)) {
    return Stored(refusal(Code::ManifestInvalid, json_string(invalid->problem)));
  }
  const auto* named = std::get_if<Digest>(&reference);
  Digest digest = digest_of(named != nullptr ? named->algorithm() : store::Algorithm::Sha256, text::bytes_of(bytes));
  if (named != nullptr && *named != digest) return Stored(refusal(Code::DigestInvalid));

  auto& manifest = std::get<PushedManifest>(parsed);
  if (request.settings.sparse_indexes) manifest.references.manifests.clear();
  const auto missing = request.repository.put_manifest(digest, bytes, manifest.references, tags);
  if (!missing.ok()) return missing.error();
  if (missing.value().empty()) {
    announce_pushed(request, digest, bytes, tags);
    return Stored(StoredNow{std::move(digest), std::move(manifest.subject)});
  }
  std::vector<std::string> details;
  for (const Digest& absent : missing.value()) details.push_back(json_string(absent.str()));
  return Stored(refusal(Code::ManifestBlobUnknown, details));
}

}  // namespace

async::Task<void> get_manifest(Request& request) {
  Reference reference = parse_reference(request.reference, Code::ManifestUnknown);
  if (auto* refused = std::get_if<Refusal>(&reference)) {
    co_return co_await answer(request.exchange, std::move(*refused));
  }
  auto found = co_await request.disk.run([&] { return find(request, reference); });
  if (!found.ok()) {
    co_return co_await answer_failure(request.exchange, found.error(), unknown(request, reference));
  }
  Found& manifest = found.value();
  http::ResponseHead head = api_head(manifest.not_modified ? 304 : 200);
  head.headers.add("Docker-Content-Digest", manifest.digest.str());
  head.headers.add("ETag", etag(manifest.digest));
  if (manifest.depends_on_accept) head.headers.add("Vary", "Accept");
  if (manifest.not_modified) co_return co_await answer(request.exchange, std::move(head));
  head.headers.add("Content-Type", manifest.media_type);
  co_await answer(request.exchange, std::move(head), std::move(manifest.bytes));
}

async::Task<void> put_manifest(Request& request) {
  Reference reference = parse_reference(request.reference, Code::TagInvalid);
  if (auto* refused = std::get_if<Refusal>(&reference)) {
    co_return co_await answer(request.exchange, std::move(*refused));
  }
  auto tags = wanted_tags(request, reference);
  if (auto* refused = std::get_if<Refusal>(&tags)) co_return co_await answer(request.exchange, std::move(*refused));
  const auto bytes = co_await read_manifest(request.exchange.body());
  if (!bytes) {
    Refusal too_large = refusal(Code::ManifestInvalid, R"("larger than 4 MiB")");
    too_large.status = 413;
    co_return co_await answer(request.exchange, std::move(too_large));
  }
  const auto& accepted = std::get<std::vector<Tag>>(tags);
  auto stored = co_await request.disk.run([&] { return check_and_store(request, reference, accepted, *bytes); });
  if (!stored.ok()) co_return co_await answer_fault(request.exchange, stored.error());
  if (auto* refused = std::get_if<Refusal>(&stored.value())) {
    co_return co_await answer(request.exchange, std::move(*refused));
  }
  const auto& [digest, subject] = std::get<StoredNow>(stored.value());
  http::ResponseHead head = api_head(201);
  head.headers.add("Location",
                   location(request, "/v2/" + request.repository.name().str() + "/manifests/" + digest.str()));
  head.headers.add("Docker-Content-Digest", digest.str());
  if (subject) head.headers.add("OCI-Subject", subject->str());
  if (std::holds_alternative<Digest>(reference)) {
    for (const Tag& tag : accepted) head.headers.add("OCI-Tag", tag.str());
  }
  co_await answer(request.exchange, std::move(head));
}

async::Task<void> delete_manifest(Request& request) {
  Reference reference = parse_reference(request.reference, Code::ManifestUnknown);
  if (auto* refused = std::get_if<Refusal>(&reference)) {
    co_return co_await answer(request.exchange, std::move(*refused));
  }
  const auto deleted = co_await request.disk.run([&] {
    if (const auto* tag = std::get_if<Tag>(&reference)) {
      auto done = request.repository.delete_tag(*tag);
      if (done.ok()) announce_removed_tag(request, *tag);
      return done;
    }
    const auto& digest = std::get<Digest>(reference);
    const std::vector<Tag> tags = tags_to_go(request, digest);
    auto done = request.repository.delete_manifest(digest);
    if (done.ok()) announce_removed_content(request, digest);
    if (done.ok()) announce_gone(request, tags);
    return done;
  });
  if (!deleted.ok()) {
    co_return co_await answer_failure(request.exchange, deleted.error(), unknown(request, reference));
  }
  co_await answer(request.exchange, api_head(202));
}

}  // namespace caisson::registry
