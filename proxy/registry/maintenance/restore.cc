#include "registry/maintenance/restore.h"

#include <ranges>
#include <set>
#include <utility>
#include <vector>

#include "registry/maintenance/trash_tour.h"
#include "registry/manifest/manifest.h"
#include "registry/store/trash.h"

namespace caisson::registry::maintenance {

using store::Digest;
using store::Layout;
using store::RepositoryName;

namespace {

constexpr std::chrono::milliseconds kNow{0};
constexpr std::size_t kMostUnsettled = 100'000;

class Restorer {
 public:
  explicit Restorer(store::Store& store) : store_(store) {}

  // Everything that the choice takes of what was thrown then.
  template <class Choose>
  Result<void> from(const store::TrashName& time, Choose choose) {
    return each_thrown(store_.driver(), time, [&](const Thrown& thrown) -> Result<void> {
      if (!choose(thrown)) return {};
      return move_back(time, thrown);
    });
  }

  Result<void> image(const RepositoryName& repository, const Digest& digest) {
    if (!seen_.insert(digest.str()).second) return {};
    const auto link = bring(Layout::revision(repository, digest));
    if (!link.ok()) return std::move(link).error();
    const store::Key link_file = Layout::revision_link(repository, digest);
    (void)store_.driver().renew_lease(link_file, kNow);
    auto target = store_.leased_target(link_file);
    if (!target.ok()) return target.error().code == ErrorCode::NotFound ? Result<void>() : std::move(target).error();
    auto bytes = store_.repository(repository).manifest(digest);
    if (!bytes.ok()) return std::move(bytes).error();
    const auto said = references_of(bytes.value());
    if (!said) return {};
    for (const auto* const blobs : {&said->needed.blobs, &said->elsewhere}) {
      for (const Digest& blob : *blobs) {
        if (auto back = this->blob(repository, blob); !back.ok()) return back;
      }
    }
    for (const Digest& child : said->needed.manifests) {
      if (auto back = image(repository, child); !back.ok()) return back;
    }
    return {};
  }

  // What was about something that came back.
  Result<void> referrers(const RepositoryName& repository) {
    auto times = trash_names(store_.driver());
    if (!times.ok()) return std::move(times).error();
    for (bool again = true; again;) {
      again = false;
      for (const store::TrashName& time : times.value()) {
        std::vector<Digest> found;
        auto done = each_thrown(store_.driver(), time, [&](const Thrown& thrown) -> Result<void> {
          if (thrown.kind != Thrown::Kind::Manifest || thrown.repository != repository) return {};
          const auto subject = subject_in_trash(time, *thrown.digest);
          if (subject && seen_.contains(subject->str()) && !seen_.contains(thrown.digest->str())) {
            found.push_back(*thrown.digest);
          }
          return {};
        });
        if (!done.ok()) return done;
        for (const Digest& digest : found) {
          again = true;
          if (auto back = image(repository, digest); !back.ok()) return back;
        }
      }
    }
    return {};
  }

  // A tag's folder, then the image that it points to.
  Result<void> tag(const RepositoryName& repository, const store::Tag& tag) {
    auto back = bring(Layout::tag(repository, tag));
    if (!back.ok()) return std::move(back).error();
    if (!back.value()) ++restored.in_the_way;
    auto digest = store_.repository(repository).tagged(tag);
    if (!digest.ok()) return std::move(digest).error();
    if (auto done = image(repository, digest.value()); !done.ok()) return done;
    return referrers(repository);
  }

  // Returns when what came back is on disk.
  Result<void> settle() {
    auto settled = store_.driver().settle(moved_);
    moved_.clear();
    return settled;
  }

  Restored restored;

 private:
  Result<void> blob(const RepositoryName& repository, const Digest& digest) {
    if (auto link = bring(Layout::layer(repository, digest)); !link.ok()) return std::move(link).error();
    auto target = store_.leased_target(Layout::layer_link(repository, digest));
    if (target.ok() || target.error().code == ErrorCode::NotFound) return {};
    return std::move(target).error();
  }

  // Whether it came, from wherever it was thrown last.
  Result<bool> bring(const store::Key& place) {
    auto back = bring_back(store_.driver(), place);
    if (back.ok()) ++restored.things;
    if (back.ok()) return true;
    if (back.error().code == ErrorCode::NotFound || back.error().code == ErrorCode::Conflict) return false;
    return std::move(back).error();
  }

  Result<void> move_back(const store::TrashName& time, const Thrown& thrown) {
    // The history of a tag that is not there would look like a tag to registry:2.
    const bool lost = thrown.kind == Thrown::Kind::HistoryEntry &&
                      !store_.driver().size(Layout::tag_current_link(*thrown.repository, *thrown.tag)).ok();
    if (lost) return {};
    const bool stands = thrown.kind == Thrown::Kind::Blob && store_.driver().size(thrown.place).ok();
    auto back = stands ? Result<void>(Error{ErrorCode::Conflict, "it is there"})
                       : store_.driver().move(Layout::in_trash(time, thrown.place), thrown.place);
    if (!back.ok() && back.error().code == ErrorCode::Conflict) {
      ++restored.in_the_way;
    } else if (!back.ok() && back.error().code != ErrorCode::NotFound) {
      return back;
    } else if (back.ok()) {
      ++restored.things;
      moved_.push_back(thrown.place);
      if (moved_.size() >= kMostUnsettled) {
        if (auto settled = settle(); !settled.ok()) return settled;
      }
    }
    if (thrown.kind == Thrown::Kind::Blob) (void)store_.driver().renew_lease(thrown.place, kNow);
    if (thrown.kind == Thrown::Kind::Manifest) {
      (void)store_.driver().renew_lease(Layout::revision_link(*thrown.repository, *thrown.digest), kNow);
    }
    return {};
  }

  std::optional<Digest> subject_in_trash(const store::TrashName& time, const Digest& digest) const {
    const store::Key data = Layout::blob_data(digest);
    auto bytes = store_.driver().get(Layout::in_trash(time, data), store::kLargestManifest);
    if (!bytes.ok()) bytes = store_.driver().get(data, store::kLargestManifest);
    return bytes.ok() ? subject_of(bytes.value()) : std::nullopt;
  }

  store::Store& store_;
  std::set<std::string> seen_;     // manifests that came back, or were there
  std::vector<store::Key> moved_;  // not on disk yet
};

// Everything of a repository, and the content that it had.
Result<void> restore_repository(store::Store& store, Restorer& restorer, const store::TrashName& time,
                                const RepositoryName& repository) {
  std::set<std::string> contents;
  auto noted = each_thrown(store.driver(), time, [&](const Thrown& thrown) -> Result<void> {
    if (thrown.repository == repository && thrown.digest) contents.insert(thrown.digest->str());
    if (thrown.repository == repository && thrown.kind == Thrown::Kind::Link) {
      auto target = store.read_link(Layout::in_trash(time, Layout::layer_link(repository, *thrown.digest)));
      if (target.ok()) contents.insert(target.value().str());
    }
    return {};
  });
  if (!noted.ok()) return noted;
  return restorer.from(time, [&](const Thrown& thrown) {
    if (thrown.kind == Thrown::Kind::Blob) return contents.contains(thrown.digest->str());
    return thrown.repository == repository;
  });
}

// A manifest with all that it needs, in every repository that lost it; or a blob with its links.
Result<void> restore_digest(Restorer& restorer, const store::TrashName& time, const Digest& digest) {
  std::vector<RepositoryName> lost_by;
  auto done = restorer.from(time, [&](const Thrown& thrown) {
    const bool wanted = thrown.digest == digest && thrown.kind != Thrown::Kind::HistoryEntry;
    if (wanted && thrown.kind == Thrown::Kind::Manifest) lost_by.push_back(*thrown.repository);
    return wanted;
  });
  for (const RepositoryName& repository : lost_by) {
    if (done.ok()) done = restorer.image(repository, digest);
    if (done.ok()) done = restorer.referrers(repository);
  }
  return done;
}

}  // namespace

Result<Wanted> parse_wanted(const std::string& text) {
  if (text == "all") return Wanted(Everything());
  if (auto time = store::TrashName::parse(text); time.ok()) return Wanted(std::move(time).value());
  if (auto digest = Digest::parse(text); digest.ok()) return Wanted(std::move(digest).value());
  const std::size_t colon = text.rfind(':');
  auto repository = RepositoryName::parse(text.substr(0, colon));
  if (!repository.ok()) {
    return Error{ErrorCode::BadRequest,
                 '"' + text + "\" is neither \"all\", a name of the list, a repository, a tag (app:v1) nor a digest"};
  }
  if (colon == std::string::npos) return Wanted(std::move(repository).value());
  auto tag = store::Tag::parse(text.substr(colon + 1));
  if (!tag.ok()) return std::move(tag).error();
  return Wanted(TaggedImage{std::move(repository).value(), std::move(tag).value()});
}

Result<Restored> restore(store::Store& store, const Wanted& wanted) {
  Restorer restorer(store);
  Result<void> done;
  if (const auto* image = std::get_if<TaggedImage>(&wanted)) {
    done = restorer.tag(image->repository, image->tag);
    if (!done.ok()) return std::move(done).error();
    return restorer.restored;
  }
  auto times = trash_names(store.driver());
  if (!times.ok()) return std::move(times).error();
  // The newest first: what was thrown twice is at its place then.
  for (const store::TrashName& time : std::views::reverse(times.value())) {
    if (std::holds_alternative<Everything>(wanted) ||
        (std::holds_alternative<store::TrashName>(wanted) && std::get<store::TrashName>(wanted) == time)) {
      done = restorer.from(time, [](const Thrown&) { return true; });
    } else if (const auto* repository = std::get_if<RepositoryName>(&wanted)) {
      done = restore_repository(store, restorer, time, *repository);
    } else if (const auto* digest = std::get_if<Digest>(&wanted)) {
      done = restore_digest(restorer, time, *digest);
    }
    if (!done.ok()) return std::move(done).error();
  }
  if (done = restorer.settle(); !done.ok()) return std::move(done).error();
  return restorer.restored;
}

}  // namespace caisson::registry::maintenance
