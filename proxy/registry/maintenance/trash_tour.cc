#include "registry/maintenance/trash_tour.h"

#include <array>
#include <utility>
#include <vector>

#include "registry/store/repositories.h"

namespace caisson::registry::maintenance {

using store::Algorithm;
using store::Digest;
using store::Layout;
using store::RepositoryName;

namespace {

constexpr std::array kAlgorithms = {Algorithm::Sha256, Algorithm::Sha512};

class Tour {
 public:
  Tour(store::Driver& driver, const store::TrashName& time, const VisitThrown& visit)
      : driver_(driver), time_(time), visit_(visit) {}

  Result<void> blobs() {
    for (const Algorithm algorithm : kAlgorithms) {
      auto parts = names_in(Layout::blobs(algorithm));
      if (!parts.ok()) return std::move(parts).error();
      for (const std::string& part : *parts.value()) {
        auto done =
            each_digest(Layout::blobs(algorithm, part), algorithm, [this](const Digest& digest) -> Result<void> {
              auto size = driver_.size(Layout::in_trash(time_, Layout::blob_data(digest)));
              // It was brought back: only its folder is left.
              if (!size.ok() && size.error().code == ErrorCode::NotFound) return {};
              if (!size.ok()) return std::move(size).error();
              return visit_({Thrown::Kind::Blob, Layout::blob_data(digest), {}, digest, {}, size.value()});
            });
        if (!done.ok()) return done;
      }
    }
    return {};
  }

  Result<void> repository(const RepositoryName& name) {
    for (const Algorithm algorithm : kAlgorithms) {
      auto done = each_digest(Layout::layers(name, algorithm), algorithm, [&](const Digest& digest) {
        return visit_({Thrown::Kind::Link, Layout::layer(name, digest), name, digest});
      });
      if (!done.ok()) return done;
    }
    for (const Algorithm algorithm : kAlgorithms) {
      auto done = each_digest(Layout::revisions(name, algorithm), algorithm, [&](const Digest& digest) {
        return visit_({Thrown::Kind::Manifest, Layout::revision(name, digest), name, digest});
      });
      if (!done.ok()) return done;
    }
    auto tags = names_in(Layout::tags(name));
    if (!tags.ok()) return std::move(tags).error();
    for (const std::string& text : *tags.value()) {
      auto tag = store::Tag::parse(text);
      if (!tag.ok()) continue;
      if (auto done = one_tag(name, tag.value()); !done.ok()) return done;
    }
    return {};
  }

 private:
  // A tag that went as a whole still points at something; of others only entries went.
  Result<void> one_tag(const RepositoryName& name, const store::Tag& tag) {
    if (driver_.size(Layout::in_trash(time_, Layout::tag_current_link(name, tag))).ok()) {
      return visit_({Thrown::Kind::Tag, Layout::tag(name, tag), name, {}, tag});
    }
    for (const Algorithm algorithm : kAlgorithms) {
      auto done = each_digest(Layout::tag_index(name, tag, algorithm), algorithm, [&](const Digest& digest) {
        return visit_({Thrown::Kind::HistoryEntry, Layout::tag_index(name, tag, digest), name, digest, tag});
      });
      if (!done.ok()) return done;
    }
    return {};
  }

  Result<store::Names> names_in(const store::Key& folder) {
    return store::folders_if_any(driver_, Layout::in_trash(time_, folder));
  }

  template <class Visit>
  Result<void> each_digest(const store::Key& folder, Algorithm algorithm, Visit visit) {
    auto names = names_in(folder);
    if (!names.ok()) return std::move(names).error();
    for (const std::string& hex : *names.value()) {
      auto digest = Digest::parse(std::string(to_string(algorithm)) + ':' + hex);
      if (!digest.ok()) continue;
      if (auto done = visit(digest.value()); !done.ok()) return done;
    }
    return {};
  }

  store::Driver& driver_;
  const store::TrashName& time_;
  const VisitThrown& visit_;
};

}  // namespace

std::string Thrown::str() const {
  const std::string name = repository ? repository->str() : "";
  switch (kind) {
    case Kind::Blob:
      return "blob " + digest->str() + ' ' + std::to_string(size);
    case Kind::Link:
      return "link " + name + '@' + digest->str();
    case Kind::Manifest:
      return "manifest " + name + '@' + digest->str();
    case Kind::HistoryEntry:
      return "history " + name + ':' + tag->str() + ' ' + digest->str();
    case Kind::Tag:
      return "tag " + name + ':' + tag->str();
  }
  return {};
}

Result<void> each_thrown(store::Driver& driver, const store::TrashName& time, const VisitThrown& visit) {
  Tour tour(driver, time, visit);
  if (auto done = tour.blobs(); !done.ok()) return done;
  return store::each_repository(
      driver, [&](const RepositoryName& name) { return tour.repository(name); }, time);
}

}  // namespace caisson::registry::maintenance
