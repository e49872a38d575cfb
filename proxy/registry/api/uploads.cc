#include "registry/api/uploads.h"

#include "async/join.h"
#include "registry/api/announcements.h"
#include "registry/api/intake.h"
#include "registry/api/range.h"
#include "registry/routes/accesses.h"
#include "registry/routes/query.h"
#include "rules/request_state.h"

namespace caisson::registry {
namespace {

using store::Algorithm;
using store::Digest;
using store::Upload;
using store::UploadId;

Refusal unknown_upload() { return refusal(Code::BlobUploadUnknown); }

// Where the upload is and how much of it is there. "0-0" says nothing or one byte: clients know the difference.
void describe(http::Headers& headers, const Request& request, const UploadId& id, std::uint64_t size) {
  headers.add("Location", location(request, "/v2/" + request.repository.name().str() + "/blobs/uploads/" + id.str()));
  headers.add("Range", "0-" + std::to_string(size == 0 ? 0 : size - 1));
  headers.add("Docker-Upload-UUID", id.str());
}

async::Task<void> answer_progress(Request& request, unsigned status, const UploadId& id, std::uint64_t size) {
  http::ResponseHead head = api_head(status);
  describe(head.headers, request, id, size);
  return answer(request.exchange, std::move(head));
}

async::Task<void> answer_created(Request& request, const Digest& digest) {
  http::ResponseHead head = api_head(201);
  head.headers.add("Location", blob_location(request, digest));
  head.headers.add("Docker-Content-Digest", digest.str());
  return answer(request.exchange, std::move(head));
}

// What went wrong with an open upload.
async::Task<void> answer_upload_failure(Request& request, const Error& error) {
  switch (error.code) {
    case ErrorCode::DigestMismatch:
      return answer(request.exchange, refusal(Code::DigestInvalid));
    case ErrorCode::Conflict:
      return answer(request.exchange, refusal(Code::BlobUploadInvalid, R"("a newer request took the upload over")"));
    default:
      return answer_failure(request.exchange, error, unknown_upload());
  }
}

// On the pool.
Result<void> commit(Request& request, Upload& upload, const Digest& digest) {
  const std::uint64_t size = upload.size();
  auto done = upload.commit(digest);
  if (done.ok()) announce_blob(request, notify::Action::Push, digest, size);
  return done;
}

// Leaves the upload to the next request; then, when that worked, answers what `then` gives.
async::Task<void> park_and_answer(Request& request, Upload& upload, Refusal then) {
  const auto parked = co_await request.disk.run([&] { return upload.park(); });
  if (!parked.ok()) co_return co_await answer_upload_failure(request, parked.error());
  co_await answer(request.exchange, std::move(then));
}

// Takes the body into the upload. When the client breaks off, `leave` is run on the pool, whatever happens to this
// exchange.
template <class Leave>
async::Task<Result<void>> receive(Request& request, Intake& intake, std::uint64_t most, Leave leave) {
  std::exception_ptr broken;
  try {
    co_return co_await intake.run(most);
  } catch (...) {
    broken = std::current_exception();
  }
  try {
    co_await async::shielded(request.disk.run(leave));
  } catch (const async::Busy&) {  // the bytes are on disk; the next request hashes them again
  }
  std::rethrow_exception(broken);
}

enum class Received { All, Answered };

// Takes the request's body as the upload's next chunk, if it fits there. On `Answered` the upload is parked or gone.
async::Task<Received> receive_chunk(Request& request, Upload& upload) {
  const std::string* header = request.head().headers.find("Content-Range");
  const auto range = header != nullptr ? parse_content_range(*header) : std::nullopt;
  if (header != nullptr && (!range || range->first != upload.size())) {
    Refusal refused = refusal(Code::RangeInvalid);
    describe(refused.headers, request, upload.id(), upload.size());
    co_await park_and_answer(request, upload, std::move(refused));
    co_return Received::Answered;
  }
  const http::BodySize size = request.exchange.body().size();
  bool wrong_size = range && size.kind == http::BodySize::Kind::Declared && size.bytes != range->size();
  if (!wrong_size) {
    std::optional<Upload::Mark> mark;
    if (range) mark = upload.mark();
    Intake intake(request.exchange.body(), upload, request.disk);
    const auto stored =
        co_await receive(request, intake, range ? range->size() : UINT64_MAX, [&] { (void)upload.park(); });
    if (!stored.ok()) {
      co_await answer_upload_failure(request, stored.error());
      co_return Received::Answered;
    }
    wrong_size = range && intake.received() != range->size();
    if (!wrong_size) co_return Received::All;
    const auto rewound = co_await request.disk.run([&] { return upload.rewind(std::move(*mark)); });
    if (!rewound.ok()) {
      co_await answer_upload_failure(request, rewound.error());
      co_return Received::Answered;
    }
  }
  co_await park_and_answer(request, upload, refusal(Code::SizeInvalid));
  co_return Received::Answered;
}

// The whole blob in one POST.
async::Task<void> store_at_once(Request& request, const Digest& digest) {
  auto begun = co_await request.disk.run([&] { return request.repository.begin_upload(digest.algorithm()); });
  if (!begun.ok()) co_return co_await answer_fault(request.exchange, begun.error());
  Upload& upload = begun.value();
  // Nobody was told the upload's id, so nobody could go on with it: whatever goes wrong, it goes.
  const auto drop = [&] { (void)upload.cancel(); };
  Intake intake(request.exchange.body(), upload, request.disk);
  auto done = co_await receive(request, intake, UINT64_MAX, drop);
  if (done.ok()) done = co_await request.disk.run([&] { return commit(request, upload, digest); });
  if (done.ok()) co_return co_await answer_created(request, digest);
  if (done.error().code != ErrorCode::DigestMismatch) co_await request.disk.run(drop);
  co_await answer_upload_failure(request, done.error());
}

// Whether a blob may be looked for in every repository.
bool may_look_everywhere(Request& request) {
  if (!request.settings.automatic_mount) return false;
  const bool gated = request.exchange.extension() != nullptr;
  return !gated || !rules::RequestState::of(request.exchange).data<RightsByRepository>().limited;
}

// Whether a blob of another repository could be linked here. Anything that speaks against it is not an error: the
// client then uploads.
async::Task<bool> mounted(Request& request, const std::string& wanted, const std::optional<std::string>& from) {
  const auto digest = store::Digest::parse(wanted);
  if (!digest.ok() || (!from && !may_look_everywhere(request))) co_return false;
  const auto done = co_await request.disk.run([&] {
    const auto other = from ? store::RepositoryName::parse(*from) : request.store.repository_with(digest.value());
    if (!other.ok()) return Result<void>(other.error());
    auto linked = request.repository.mount_blob(digest.value(), other.value());
    if (linked.ok() && request.notifier != nullptr) {
      const auto size = request.repository.blob_size(digest.value());
      announce_blob(request, notify::Action::Mount, digest.value(), size.ok() ? size.value() : 0, other.value().str());
    }
    return linked;
  });
  if (!done.ok()) co_return false;
  co_await answer_created(request, digest.value());
  co_return true;
}

// Opens the upload that the path names. Nothing: the request was answered.
async::Task<std::optional<Upload>> open_upload(Request& request) {
  const auto id = UploadId::parse(request.reference);
  if (!id.ok()) {
    co_await answer(request.exchange, unknown_upload());
    co_return std::nullopt;
  }
  auto opened = co_await request.disk.run([&] { return request.repository.resume_upload(id.value()); });
  if (!opened.ok()) {
    co_await answer_failure(request.exchange, opened.error(), unknown_upload());
    co_return std::nullopt;
  }
  co_return std::move(opened).value();
}

}  // namespace

async::Task<void> start_upload(Request& request) {
  const std::string& args = request.head().target.args;
  if (const auto mount = query_value(args, "mount")) {
    const auto from = query_value(args, "from");
    if (co_await mounted(request, *mount, from)) co_return;
  } else if (const auto wanted = query_value(args, "digest")) {
    const auto digest = Digest::parse(*wanted);
    if (!digest.ok()) {
      co_return co_await answer(request.exchange, refusal(Code::DigestInvalid, R"("digest parsing failed")"));
    }
    const http::BodySize size = request.exchange.body().size();
    const bool has_body = size.kind == http::BodySize::Kind::Streamed || size.bytes > 0;
    if (has_body || digest.value().is_of_nothing()) co_return co_await store_at_once(request, digest.value());
  }
  Algorithm algorithm = Algorithm::Sha256;
  if (const auto wanted = query_value(args, "digest-algorithm")) {
    const auto known = store::parse_algorithm(*wanted);
    if (!known) {
      co_return co_await answer(request.exchange, refusal(Code::DigestInvalid, R"("unsupported digest algorithm")"));
    }
    algorithm = *known;
  }
  auto begun = co_await request.disk.run([&] {
    auto upload = request.repository.begin_upload(algorithm);
    if (!upload.ok()) return Result<UploadId>(std::move(upload).error());
    UploadId id = upload.value().id();
    auto parked = upload.value().park();
    return parked.ok() ? Result<UploadId>(std::move(id)) : std::move(parked).error();
  });
  if (!begun.ok()) co_return co_await answer_fault(request.exchange, begun.error());
  co_await answer_progress(request, 202, begun.value(), 0);
}

async::Task<void> show_upload(Request& request) {
  const auto id = UploadId::parse(request.reference);
  if (!id.ok()) co_return co_await answer(request.exchange, unknown_upload());
  const auto size = co_await request.disk.run([&] { return request.repository.upload_size(id.value()); });
  if (!size.ok()) co_return co_await answer_failure(request.exchange, size.error(), unknown_upload());
  co_await answer_progress(request, 204, id.value(), size.value());
}

async::Task<void> extend_upload(Request& request) {
  auto upload = co_await open_upload(request);
  if (!upload || co_await receive_chunk(request, *upload) == Received::Answered) co_return;
  const UploadId id = upload->id();
  const std::uint64_t size = upload->size();
  const auto parked = co_await request.disk.run([&] { return upload->park(); });
  if (!parked.ok()) co_return co_await answer_upload_failure(request, parked.error());
  co_await answer_progress(request, 202, id, size);
}

async::Task<void> finish_upload(Request& request) {
  const auto wanted = query_value(request.head().target.args, "digest");
  const auto digest = Digest::parse(wanted.value_or(""));
  if (!digest.ok()) {
    const auto id = UploadId::parse(request.reference);
    if (!id.ok()) co_return co_await answer(request.exchange, unknown_upload());
    const auto size = co_await request.disk.run([&] { return request.repository.upload_size(id.value()); });
    if (!size.ok()) co_return co_await answer_failure(request.exchange, size.error(), unknown_upload());
    const std::string_view detail = wanted ? R"("digest parsing failed")" : R"("digest missing")";
    co_return co_await answer(request.exchange, refusal(Code::DigestInvalid, detail));
  }
  auto upload = co_await open_upload(request);
  if (!upload || co_await receive_chunk(request, *upload) == Received::Answered) co_return;
  const auto done = co_await request.disk.run([&] { return commit(request, *upload, digest.value()); });
  if (!done.ok()) co_return co_await answer_upload_failure(request, done.error());
  co_await answer_created(request, digest.value());
}

async::Task<void> cancel_upload(Request& request) {
  const auto id = UploadId::parse(request.reference);
  if (!id.ok()) co_return co_await answer(request.exchange, unknown_upload());
  const auto done = co_await request.disk.run([&] { return request.repository.cancel_upload(id.value()); });
  if (!done.ok()) co_return co_await answer_failure(request.exchange, done.error(), unknown_upload());
  http::ResponseHead head = api_head(204);
  head.headers.add("Docker-Upload-UUID", id.value().str());
  co_await answer(request.exchange, std::move(head));
}

}  // namespace caisson::registry
