#include "registry/api/referrers.h"

#include <algorithm>

#include "registry/api/referrer_index.h"
#include "registry/manifest/manifest.h"
#include "registry/routes/query.h"

namespace caisson::registry {
namespace {

using store::Digest;

// Clients take at most 4 MiB. A single descriptor may be nearly as large as a manifest; so one is always sent.
constexpr std::size_t kLargestPage = 3U << 20;

struct Page {
  std::string descriptors;  // JSON, with commas between them
  std::string last;         // the digest of the last one
  bool more = false;
};

// What old clients push beside: an index of the referrers, under a tag that is named after the subject.
// https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#referrers-tag-schema
std::vector<Digest> listed_under_fallback_tag(const store::Repository& repository, const Digest& subject) {
  const std::string name = std::string(to_string(subject.algorithm())) + '-' + std::string(subject.hex());
  const auto tag = store::Tag::parse(name.substr(0, 128));  // a tag is no longer than that
  if (!tag.ok()) return {};
  const auto digest = repository.tagged(tag.value());
  if (!digest.ok()) return {};
  const auto bytes = repository.peek_manifest(digest.value());
  return bytes.ok() ? listed_manifests(bytes.value()) : std::vector<Digest>();
}

class Search {
 public:
  explicit Search(const Request& request) : repository_(request.repository), index_(request.referrers) {}

  // What is about the subject and comes after `after`, in the order of the digests, so that pages fit together.
  Result<Page> run(const Digest& subject, const std::string& after, const std::optional<std::string>& artifact_type) {
    auto known = index_.find(repository_, subject);
    if (!known.ok()) return std::move(known).error();
    const auto listed = only_listed(subject);
    std::vector<const Entry*> all;
    for (const Entry& entry : *known.value()) all.push_back(&entry);
    for (const Entry& entry : listed) all.push_back(&entry);
    std::sort(all.begin(), all.end(),
              [](const Entry* a, const Entry* b) { return a->manifest.str() < b->manifest.str(); });

    Page page;
    for (const Entry* entry : all) {
      if (entry->manifest.str() <= after) continue;
      if (artifact_type && entry->referrer.artifact_type != *artifact_type) continue;
      auto descriptor = descriptor_of(*entry);
      if (!descriptor.ok()) return std::move(descriptor).error();
      if (descriptor.value().empty()) continue;
      if (!page.last.empty() && page.descriptors.size() + descriptor.value().size() > kLargestPage) {
        page.more = true;
        break;
      }
      if (!page.last.empty()) page.descriptors += ',';
      page.descriptors += descriptor.value();
      page.last = entry->manifest.str();
    }
    return page;
  }

 private:
  using Entry = ReferrerIndex::Entry;

  // What a client listed under the fallback tag is believed where the manifest itself says nothing else.
  std::vector<Entry> only_listed(const Digest& subject) const {
    std::vector<Entry> entries;
    for (Digest& digest : listed_under_fallback_tag(repository_, subject)) {
      const auto bytes = repository_.peek_manifest(digest);
      if (!bytes.ok() || subject_of(bytes.value())) continue;
      Referrer referrer = describe_referrer(digest, bytes.value());
      entries.push_back({std::move(digest), std::move(referrer)});
    }
    const auto same = [](const Entry& a, const Entry& b) { return a.manifest == b.manifest; };
    std::sort(entries.begin(), entries.end(),
              [](const Entry& a, const Entry& b) { return a.manifest.str() < b.manifest.str(); });
    entries.erase(std::unique(entries.begin(), entries.end(), same), entries.end());
    return entries;
  }

  // "" when the repository does not have the manifest any more.
  Result<std::string> descriptor_of(const Entry& entry) const {
    auto present = repository_.lists_manifest(entry.manifest);
    if (!present.ok()) return std::move(present).error();
    if (!present.value()) return std::string();
    if (!entry.referrer.descriptor.empty()) return entry.referrer.descriptor;
    auto bytes = repository_.peek_manifest(entry.manifest);
    if (!bytes.ok()) {
      return bytes.error().code == ErrorCode::NotFound ? Result<std::string>(std::string()) : std::move(bytes).error();
    }
    return describe_referrer(entry.manifest, bytes.value()).descriptor;
  }

  const store::Repository& repository_;
  ReferrerIndex& index_;
};

}  // namespace

async::Task<void> list_referrers(Request& request) {
  const auto subject = Digest::parse(request.reference);
  if (!subject.ok()) {
    co_return co_await answer(request.exchange, refusal(Code::DigestInvalid, R"("digest parsing failed")"));
  }
  const std::string& args = request.head().target.args;
  const auto artifact_type = query_value(args, "artifactType");
  const std::string after = query_value(args, "last").value_or("");
  const auto page =
      co_await request.disk.run([&] { return Search(request).run(subject.value(), after, artifact_type); });
  if (!page.ok()) co_return co_await answer_fault(request.exchange, page.error());

  http::ResponseHead head = api_head(200);
  head.headers.add("Content-Type", std::string(media::kOciIndex));
  if (artifact_type) head.headers.add("OCI-Filters-Applied", "artifactType");
  if (page.value().more) {
    std::string next = request.settings.prefix + "/v2/" + request.repository.name().str() + "/referrers/" +
                       subject.value().str() + "?last=" + query_escaped(page.value().last);
    if (artifact_type) next += "&artifactType=" + query_escaped(*artifact_type);
    head.headers.add("Link", '<' + next + R"(>; rel="next")");
  }
  std::string body = R"({"schemaVersion":2,"mediaType":")" + std::string(media::kOciIndex) + R"(","manifests":[)" +
                     page.value().descriptors + "]}";
  co_await answer(request.exchange, std::move(head), std::move(body));
}

}  // namespace caisson::registry
