#include "registry/api/referrers.h"

#include <algorithm>

#include "registry/api/manifest.h"
#include "registry/api/query.h"
#include "registry/api/subjects.h"

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
  Search(const Request& request, const Digest& subject)
      : repository_(request.repository),
        subjects_(request.subjects),
        subject_(subject),
        listed_(listed_under_fallback_tag(request.repository, subject)) {}

  // Looks at every manifest behind `after`; in the order of their digests, so that pages fit together.
  Result<Page> run(const std::string& after, const std::optional<std::string>& artifact_type) {
    auto all = repository_.revisions();
    if (!all.ok()) return std::move(all).error();
    Page page;
    for (const Digest& digest : all.value()) {
      if (digest.str() <= after) continue;
      auto bytes = bytes_if_about_subject(digest);
      if (!bytes.ok()) return std::move(bytes).error();
      if (bytes.value().empty()) continue;
      const Referrer referrer = describe_referrer(digest, bytes.value());
      if (artifact_type && referrer.artifact_type != *artifact_type) continue;
      if (!page.last.empty() && page.descriptors.size() + referrer.descriptor.size() > kLargestPage) {
        page.more = true;
        break;
      }
      if (!page.last.empty()) page.descriptors += ',';
      page.descriptors += referrer.descriptor;
      page.last = digest.str();
    }
    return page;
  }

 private:
  // Nothing when the manifest is about something else, or is gone.
  Result<std::string> bytes_if_about_subject(const Digest& digest) {
    auto known = subjects_.find(digest);
    if (known && !is_about_subject(*known, digest)) return std::string();
    auto bytes = repository_.peek_manifest(digest);
    if (!bytes.ok()) {
      const bool passed_over = bytes.error().code == ErrorCode::NotFound || bytes.error().code == ErrorCode::TooLarge;
      return passed_over ? Result<std::string>(std::string()) : bytes;
    }
    if (known) return bytes;
    const auto subject = subject_of(bytes.value());
    subjects_.remember(digest, subject);
    return is_about_subject(subject ? subject->str() : "", digest) ? bytes : std::string();
  }

  // What a client listed under the fallback tag is believed where the manifest itself says nothing else.
  bool is_about_subject(const std::string& subject, const Digest& digest) const {
    if (!subject.empty()) return subject == subject_.str();
    return std::find(listed_.begin(), listed_.end(), digest) != listed_.end();
  }

  const store::Repository& repository_;
  Subjects& subjects_;
  const Digest& subject_;
  const std::vector<Digest> listed_;
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
      co_await request.disk.run([&] { return Search(request, subject.value()).run(after, artifact_type); });
  if (!page.ok()) co_return co_await answer_fault(request.exchange, page.error());

  http::ResponseHead head = api_head(200);
  head.headers.add("Content-Type", std::string(media::kOciIndex));
  if (artifact_type) head.headers.add("OCI-Filters-Applied", "artifactType");
  if (page.value().more) {
    std::string next = "/v2/" + request.repository.name().str() + "/referrers/" + subject.value().str() +
                       "?last=" + query_escaped(page.value().last);
    if (artifact_type) next += "&artifactType=" + query_escaped(*artifact_type);
    head.headers.add("Link", '<' + next + R"(>; rel="next")");
  }
  std::string body = R"({"schemaVersion":2,"mediaType":")" + std::string(media::kOciIndex) + R"(","manifests":[)" +
                     page.value().descriptors + "]}";
  co_await answer(request.exchange, std::move(head), std::move(body));
}

}  // namespace caisson::registry
