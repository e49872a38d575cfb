// Looks through one repository: its links, the manifests behind them, and what those refer to. It takes no lock and
// changes nothing.
//
// Ownership: refers to its store and to what is known of the contents. Threading: one thread; several repositories at
// once. Every call may block.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "registry/doctor/contents.h"
#include "registry/doctor/finding.h"
#include "registry/doctor/rights.h"
#include "registry/store/store.h"

namespace caisson::registry::doctor {

struct CheckRules {
  // In a pull-through cache what is not there is fetched when somebody asks for it.
  bool absence_is_normal = false;
  // Uploads that began before then are abandoned.
  store::Time abandoned_before = {};
};

Fault fault_of(store::LinkLook::State state) noexcept;

class RepositoryCheck {
 public:
  // What is under way while this looks is not taken for damage: what counts is what a second look finds again.
  static Diagnosis run(store::Store& store, Contents& contents, RightsCheck& rights, const CheckRules& rules,
                       const store::RepositoryName& name);

 private:
  using Problem = Image::Problem;
  // A manifest of this repository as far as it is known.
  struct Node {
    std::vector<Problem> own;              // of its link and its content
    std::vector<Problem> blobs;            // of what it needs
    std::vector<store::Digest> manifests;  // which it lists
  };

  // Without `rights` nothing is looked at twice for them.
  RepositoryCheck(store::Store& store, Contents& contents, RightsCheck* rights, const CheckRules& rules,
                  const store::RepositoryName& name)
      : store_(store), contents_(contents), rights_(rights), rules_(rules), name_(name) {}

  Diagnosis look();
  void look_at_revisions();
  void look_at_tags();
  void look_at_tag(const store::Tag& tag);
  void look_at_history(const store::Tag& tag, const std::vector<store::Digest>& history);
  void look_at_untagged();
  void look_at_layers();
  void look_at_uploads();
  void look_at_upload(const store::UploadId& id);

  const Node& node(const store::Digest& digest);
  Node read_node(const store::Digest& digest);
  // What keeps a client from getting the blob.
  std::optional<Problem> blob_problem(const store::Digest& digest);
  std::optional<Problem> content_problem(const store::Digest& digest, const ContentState& state, Problem::Role role);
  // What is wrong with a link that is called `digest`, as a finding's key; nothing of one that is not there.
  std::optional<std::string> link_finding(Place place, const store::Digest& digest, const store::LinkLook& look,
                                          const std::string& tag = {});
  std::string missing_link(Place place, const store::Digest& digest);
  // All that keeps a client from pulling the image whole, and whose manifests it has.
  std::vector<Problem> gather(const store::Digest& digest, std::unordered_set<std::string>& seen);
  void add_image(const std::string& tag, std::optional<store::Digest> digest, std::vector<Problem> problems);

  // The folders in `folder`; none when there is no such folder, or it cannot be listed, which is a finding.
  std::vector<std::string> list(const store::Key& folder);
  std::vector<store::Digest> list_digests(store::Algorithm algorithm, const store::Key& folder);
  std::string note(Finding finding);
  Finding finding_at(Place place, Fault fault) const;
  bool is_new(const store::Key& key) const;
  void check_rights(const store::Key& key);

  store::Store& store_;
  Contents& contents_;
  RightsCheck* const rights_;
  const CheckRules& rules_;
  const store::RepositoryName& name_;
  Diagnosis found_;
  std::unordered_map<std::string, Node> nodes_;
  std::unordered_map<std::string, std::optional<Problem>> blobs_;
  std::vector<store::Digest> revisions_;
  std::unordered_set<std::string> in_tags_;  // manifests that some tag leads to
};

}  // namespace caisson::registry::doctor
