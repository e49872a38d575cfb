// The blobs and uploads of a repository.
#include <array>

#include "registry/store/repository.h"
#include "registry/store/store.h"

namespace caisson::registry::store {
namespace {

// An empty file is what a crash leaves behind a writer that does not sync; it is a blob only if its digest says so.
Result<std::uint64_t> checked_size(const Store& store, const Digest& target, std::uint64_t size) {
  if (size > 0 || target.is_of_nothing()) return size;
  store.report_once(Layout::blob_data(target), "is an empty blob, treated as absent");
  return Error{ErrorCode::NotFound, "empty blob " + target.str()};
}

}  // namespace

// The digest whose data holds the blob: registry:2 keeps a blob that came as sha512 under its sha256.
Result<Digest> Repository::blob_target(const Digest& digest) const {
  return store_->read_link(Layout::layer_link(name_, digest));
}

Result<std::uint64_t> Repository::blob_size(const Digest& digest) const { return size_of_blob(digest, nullptr); }

Result<std::uint64_t> Repository::size_of_blob(const Digest& digest, const Hold* content) const {
  auto target = store_->leased_target(Layout::layer_link(name_, digest), content);
  if (!target.ok()) return std::move(target).error();
  auto size = store_->driver().size(Layout::blob_data(target.value()));
  if (!size.ok()) return size;
  return checked_size(*store_, target.value(), size.value());
}

Result<std::unique_ptr<Content>> Repository::open_blob(const Digest& digest) const {
  auto target = blob_target(digest);
  if (!target.ok()) return std::move(target).error();
  auto content = store_->driver().open(Layout::blob_data(target.value()));
  if (!content.ok() && content.error().code == ErrorCode::NotFound) {
    auto rescued = store_->rescued_target(Layout::layer_link(name_, digest));
    if (!rescued.ok()) return std::move(rescued).error();
    content = store_->driver().open(Layout::blob_data(rescued.value()));
  }
  if (!content.ok()) return content;
  if (auto size = checked_size(*store_, target.value(), content.value()->size()); !size.ok()) {
    return std::move(size).error();
  }
  return content;
}

Result<void> Repository::mount_blob(const Digest& digest, const RepositoryName& from) {
  const Repository source(*store_, from);
  if (auto size = source.blob_size(digest); !size.ok()) return std::move(size).error();
  auto target = source.blob_target(digest);
  if (!target.ok()) return std::move(target).error();
  return store_->write_link(Layout::layer_link(name_, digest), target.value());
}

Result<void> Repository::delete_blob(const Digest& digest) {
  if (auto target = blob_target(digest); !target.ok()) return std::move(target).error();
  const std::array folders{Layout::layer(name_, digest)};
  return store_->driver().remove(folders);
}

Result<Upload> Repository::begin_upload(Algorithm algorithm) {
  UploadId id = UploadId::generate();
  auto draft = store_->driver().create_draft(Layout::upload(name_, id));
  if (!draft.ok()) return std::move(draft).error();
  return Upload(*store_, name_, std::move(id), std::move(draft).value(), Hasher(algorithm));
}

Result<Upload> Repository::resume_upload(const UploadId& id) {
  const Key folder = Layout::upload(name_, id);
  auto opened = store_->driver().open_draft(folder);
  if (!opened.ok()) return std::move(opened).error();
  std::unique_ptr<Draft> draft = std::move(opened).value();
  if (auto parked = store_->parked().take(folder.path());
      parked && parked->token == draft->previous_token() && parked->size == draft->size()) {
    return Upload(*store_, name_, id, std::move(draft), std::move(parked->hasher));
  }
  auto hasher = hash_of(*draft, Algorithm::Sha256);
  if (!hasher.ok()) return std::move(hasher).error();
  return Upload(*store_, name_, id, std::move(draft), std::move(hasher).value());
}

Result<void> Repository::cancel_upload(const UploadId& id) {
  const Key folder = Layout::upload(name_, id);
  auto draft = store_->driver().open_draft(folder);
  if (!draft.ok()) return std::move(draft).error();
  (void)store_->parked().take(folder.path());
  return draft.value()->discard();
}

Result<std::uint64_t> Repository::upload_size(const UploadId& id) const {
  auto status = store_->driver().draft_status(Layout::upload(name_, id));
  if (!status.ok()) return std::move(status).error();
  if (!status.value().size) return Error{ErrorCode::NotFound, "no upload " + id.str()};
  return *status.value().size;
}

}  // namespace caisson::registry::store
