#include "registry/api/blobs.h"

#include "async/join.h"
#include "registry/api/announcements.h"
#include "registry/api/download.h"
#include "registry/api/range.h"
#include "rules/request_log.h"

namespace caisson::registry {
namespace {

http::ResponseHead blob_head(const store::Digest& digest) {
  http::ResponseHead head = api_head(200);
  head.headers.add("Content-Type", "application/octet-stream");
  head.headers.add("Docker-Content-Digest", digest.str());
  head.headers.add("ETag", etag(digest));
  head.headers.add("Cache-Control", "max-age=31536000");
  head.headers.add("Accept-Ranges", "bytes");
  return head;
}

Refusal unknown(const store::Digest& digest) { return refusal(Code::BlobUnknown, json_string(digest.str())); }
Refusal invalid() { return refusal(Code::DigestInvalid, R"("digest parsing failed")"); }

// Whether the client has it already, and 304 is the answer.
bool is_known_to_client(const Request& request, const store::Digest& digest) {
  const auto known = request.head().headers.joined("If-None-Match");
  return known && names_etag(*known, digest);
}

async::Task<void> answer_not_modified(Request& request, const store::Digest& digest) {
  http::ResponseHead head = blob_head(digest);
  head.status = 304;
  head.headers.remove("Content-Type");
  head.headers.remove("Accept-Ranges");
  return answer(request.exchange, std::move(head));
}

// What of the blob is asked for.
std::variant<ByteRange, WholeBlob, NotSatisfiable> wanted_part(const Request& request, const store::Digest& digest,
                                                               std::uint64_t size) {
  const std::string* range = request.head().headers.find("Range");
  if (range == nullptr) return WholeBlob();
  if (const std::string* only_if = request.head().headers.find("If-Range"); only_if && *only_if != etag(digest)) {
    return WholeBlob();
  }
  return parse_range(*range, size);
}

async::Task<void> answer_not_satisfiable(Request& request, std::uint64_t size) {
  Refusal refused = refusal(Code::RangeInvalid);
  refused.headers.add("Content-Range", "bytes */" + std::to_string(size));
  return answer(request.exchange, std::move(refused));
}

}  // namespace

async::Task<void> head_blob(Request& request) {
  const auto digest = store::Digest::parse(request.reference);
  if (!digest.ok()) co_return co_await answer(request.exchange, invalid());
  const auto size = co_await request.disk.run([&] {
    auto found = request.repository.blob_size(digest.value());
    if (found.ok()) announce_blob(request, notify::Action::Pull, digest.value(), found.value());
    return found;
  });
  if (!size.ok()) co_return co_await answer_failure(request.exchange, size.error(), unknown(digest.value()));
  if (is_known_to_client(request, digest.value())) co_return co_await answer_not_modified(request, digest.value());
  http::ResponseHead head = blob_head(digest.value());
  head.headers.add("Content-Length", std::to_string(size.value()));
  http::BodyWriter* body = co_await request.exchange.respond_head(std::move(head));
  co_await body->finish();
}

async::Task<void> get_blob(Request& request) {
  const auto digest = store::Digest::parse(request.reference);
  if (!digest.ok()) co_return co_await answer(request.exchange, invalid());
  auto opened = co_await request.disk.run([&] {
    auto found = request.repository.open_blob(digest.value());
    if (found.ok()) announce_blob(request, notify::Action::Pull, digest.value(), found.value()->size());
    return found;
  });
  if (!opened.ok()) co_return co_await answer_failure(request.exchange, opened.error(), unknown(digest.value()));
  if (is_known_to_client(request, digest.value())) co_return co_await answer_not_modified(request, digest.value());

  const store::Content& content = *opened.value();
  const auto wanted = wanted_part(request, digest.value(), content.size());
  if (std::holds_alternative<NotSatisfiable>(wanted)) {
    co_return co_await answer_not_satisfiable(request, content.size());
  }
  http::ResponseHead head = blob_head(digest.value());
  std::uint64_t first = 0;
  std::uint64_t size = content.size();
  if (const auto* part = std::get_if<ByteRange>(&wanted)) {
    first = part->first;
    size = part->size();
    head.status = 206;
    head.headers.add("Content-Range", "bytes " + std::to_string(part->first) + '-' + std::to_string(part->last) + '/' +
                                          std::to_string(content.size()));
  }
  head.headers.add("Content-Length", std::to_string(size));
  http::BodyWriter* body = co_await request.exchange.respond_head(std::move(head));
  const auto sent = co_await send_content(content, first, size, *body, request.disk);
  if (sent.ok()) co_return co_await body->finish();
  // Too late for a status: an unfinished body breaks the connection off, so nobody takes it for the whole blob.
  if (request.exchange.extension() != nullptr) {
    rules::log(rules::RequestState::of(request.exchange), observe::Level::Error, "registry: " + sent.error().what);
  }
}

async::Task<void> delete_blob(Request& request) {
  const auto digest = store::Digest::parse(request.reference);
  if (!digest.ok()) co_return co_await answer(request.exchange, invalid());
  const auto deleted = co_await request.disk.run([&] {
    auto done = request.repository.delete_blob(digest.value());
    if (done.ok()) announce_removed_content(request, digest.value());
    return done;
  });
  if (!deleted.ok()) co_return co_await answer_failure(request.exchange, deleted.error(), unknown(digest.value()));
  co_await answer(request.exchange, api_head(202));
}

}  // namespace caisson::registry
