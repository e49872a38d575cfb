#include "registry/doctor/mender.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "registry/doctor/tag_history.h"

namespace caisson::registry::doctor {
namespace {

using store::Digest;
using store::Layout;
using store::LinkLook;
using store::RepositoryName;
using store::Sharing;

// REQUIRES: a finding about a link of a digest.
Result<store::Key> link_of(const Finding& finding) {
  auto name = RepositoryName::parse(finding.repository);
  if (!name.ok()) return std::move(name).error();
  if (finding.place == Place::LayerLink) return Layout::layer_link(name.value(), *finding.digest);
  if (finding.place == Place::RevisionLink) return Layout::revision_link(name.value(), *finding.digest);
  auto tag = store::Tag::parse(finding.tag);
  if (!tag.ok()) return std::move(tag).error();
  return Layout::tag_index_link(name.value(), tag.value(), *finding.digest);
}

}  // namespace

void Mender::carry_out(Step& step) {
  auto done = work_on(step);
  if (!done.ok()) {
    step.result = Step::Result::Failed;
    step.problem = done.error().what;
  } else {
    step.result = done.value() ? Step::Result::Done : Step::Result::Unneeded;
  }
}

Result<bool> Mender::work_on(Step& step) {
  switch (step.action) {
    case Step::Action::SetAside:
      return set_aside(*step.finding.digest);
    case Step::Action::Relink:
      return relink(step.finding);
    case Step::Action::Unlink:
      return unlink(step.finding);
    case Step::Action::PointTag:
      return point_tag(step);
    case Step::Action::Fetch:
      return fetch(step.finding);
    case Step::Action::Discard:
      return discard(step.finding);
  }
  return false;
}

// Nothing keeps a push from putting good content there at the same moment. So what was moved is looked at again when it
// is not what was found, and goes back when it is good.
Result<bool> Mender::set_aside(const Digest& digest) {
  const ContentState found = contents_.state(digest);
  if (!found.fault || *found.fault == Fault::Missing) return false;
  auto held = store_.driver().hold(Layout::content_lock(), Sharing::Shared);
  if (!held.ok()) return std::move(held).error();
  const store::Key place = Layout::blob_data(digest);
  const store::Key aside = Layout::damaged(store::TrashName::generate(store::Time::clock::now()), place);
  if (auto moved = store_.driver().move(place, aside); !moved.ok()) {
    if (moved.error().code == ErrorCode::NotFound) return false;
    return std::move(moved).error();
  }
  auto changed = store_.driver().changed(aside);
  const bool same = changed.ok() && changed.value() == found.changed;
  if (!same && !contents_.compute(digest, aside).fault) {
    contents_.forget(digest);
    if (auto back = store_.driver().move(aside, place); !back.ok()) return std::move(back).error();
    return false;
  }
  contents_.forget(digest);
  if (auto settled = store_.driver().settle(std::array{aside, place}); !settled.ok()) return std::move(settled).error();
  return true;
}

Result<bool> Mender::relink(const Finding& finding) {
  auto link = link_of(finding);
  if (!link.ok()) return std::move(link).error();
  const RepositoryName name = RepositoryName::parse(finding.repository).value();
  // Collection takes no content away that is linked while this is held, and nobody deletes a manifest or a tag.
  auto content = store_.driver().hold(Layout::content_lock(), Sharing::Shared);
  if (!content.ok()) return std::move(content).error();
  auto tags = store_.driver().hold(Layout::tags_lock(name), Sharing::Shared);
  if (!tags.ok()) return std::move(tags).error();
  const LinkLook now = store_.look_at_link(link.value());
  const bool was_there = finding.fault != Fault::Missing;
  if (was_there && now.state == LinkLook::State::Absent) return false;  // deleted meanwhile
  if (now.state == LinkLook::State::Good && *now.target == *finding.digest) return false;
  if (finding.place != Place::HistoryLink && contents_.state(*finding.digest).fault) return false;
  if (auto written = store_.write_link(link.value(), *finding.digest); !written.ok()) return std::move(written).error();
  return true;
}

Result<bool> Mender::unlink(const Finding& finding) {
  auto link = link_of(finding);
  if (!link.ok()) return std::move(link).error();
  const LinkLook now = store_.look_at_link(link.value());
  if (now.state != LinkLook::State::Empty && now.state != LinkLook::State::Malformed) return false;
  return store_.driver().remove_if(link.value(), now.bytes);
}

Result<Digest> Mender::target_of_tag(const RepositoryName& name, const store::Tag& tag) const {
  const std::vector<Digest> history = tag_history(store_, name, tag);
  if (history.size() == 1) return history.front();
  if (other_ == nullptr || history.empty()) return Error{ErrorCode::NotFound, "nothing tells for certain what it was"};
  auto there = other_->tagged(name, tag);
  if (!there.ok()) return std::move(there).error().in("the other registry was asked what it is");
  if (std::find(history.begin(), history.end(), there.value()) != history.end()) return there;
  return Error{ErrorCode::NotFound, "in the other registry it is " + there.value().str() + ", which it never was here"};
}

// A lock that nobody ever shared cannot be had alone, but somebody may come to share it.
Result<std::unique_ptr<store::Hold>> Mender::hold_alone(const store::Key& lock) {
  auto held = store_.driver().hold(lock, Sharing::Alone);
  if (held.ok() || held.error().code != ErrorCode::NotFound) return held;
  if (auto made = store_.driver().hold(lock, Sharing::Shared); !made.ok()) return made;
  return store_.driver().hold(lock, Sharing::Alone);
}

Result<bool> Mender::point_tag(Step& step) {
  auto name = RepositoryName::parse(step.finding.repository);
  auto tag = store::Tag::parse(step.finding.tag);
  if (!name.ok() || !tag.ok()) return false;
  auto target = target_of_tag(name.value(), tag.value());
  if (!target.ok()) return std::move(target).error();
  step.target = target.value();
  // Between the look and the writing nobody may move the tag.
  auto held = hold_alone(Layout::tags_lock(name.value()));
  if (!held.ok()) return std::move(held).error();
  const store::Key link = Layout::tag_current_link(name.value(), tag.value());
  if (store_.look_at_link(link).state == LinkLook::State::Good) return false;
  if (tag_history(store_, name.value(), tag.value()).empty()) return false;  // deleted meanwhile
  if (auto written = store_.write_link(link, target.value()); !written.ok()) return std::move(written).error();
  return true;
}

Result<bool> Mender::fetch(const Finding& finding) {
  const Digest& digest = *finding.digest;
  const ContentState found = contents_.state(digest);
  if (!found.fault) return false;
  // A push of bytes of the same size leaves in place what is there.
  if (*found.fault != Fault::Missing) return Error{ErrorCode::Conflict, "what is stored stands in the way"};
  Error last{ErrorCode::NotFound, "nobody needs it"};
  for (const std::string& text : finding.needed_in) {
    auto name = RepositoryName::parse(text);
    if (!name.ok()) continue;
    auto fetched = finding.manifest ? fetch_manifest(name.value(), digest) : fetch_blob(name.value(), digest);
    if (fetched.ok()) {
      contents_.forget(digest);
      return true;
    }
    last = std::move(fetched).error();
  }
  return last;
}

// As a push: it is checked before it is visible, and a crash leaves an upload behind.
Result<void> Mender::fetch_blob(const RepositoryName& name, const Digest& digest) {
  auto upload = store_.repository(name).begin_upload(digest.algorithm());
  if (!upload.ok()) return std::move(upload).error();
  auto fetched = other_->blob(name, digest, [&](auto bytes) { return upload.value().append(bytes); });
  if (fetched.ok()) return upload.value().commit(digest);
  (void)upload.value().cancel();
  return fetched;
}

Result<void> Mender::fetch_manifest(const RepositoryName& name, const Digest& digest) {
  auto bytes = other_->manifest(name, digest);
  if (!bytes.ok()) return std::move(bytes).error();
  if (digest_of(digest.algorithm(), text::bytes_of(bytes.value())) != digest) {
    return Error{ErrorCode::DigestMismatch, "what the other registry gave does not have that digest"};
  }
  auto content = store_.driver().hold(Layout::content_lock(), Sharing::Shared);
  if (!content.ok()) return std::move(content).error();
  if (auto put = store_.driver().put(Layout::blob_data(digest), bytes.value()); !put.ok()) return put;
  auto tags = store_.driver().hold(Layout::tags_lock(name), Sharing::Shared);
  if (!tags.ok()) return std::move(tags).error();
  return store_.write_link(Layout::revision_link(name, digest), digest);
}

Result<bool> Mender::discard(const Finding& finding) {
  auto name = RepositoryName::parse(finding.repository);
  auto id = store::UploadId::parse(finding.path);
  if (!name.ok() || !id.ok()) return false;
  return store_.driver().discard_idle_draft(Layout::upload(name.value(), id.value()));
}

}  // namespace caisson::registry::doctor
