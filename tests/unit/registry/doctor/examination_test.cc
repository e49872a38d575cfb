#include "registry/doctor/examination.h"

#include "unit/registry/doctor/volume.h"

using namespace caisson;
using namespace caisson::registry;
using namespace caisson::registry::doctor;
using store::sha256;

TEST_CASE_FIXTURE(Volume, "a volume with images, indexes, artifacts and uploads under way is clean") {
  const auto amd = push_image("a", {"one", "two"});
  const auto arm = push_image("a", {"one", "three"});
  push_index("a", {amd, arm}, "multi");
  push_image("a/b", {"one", ""}, "with-an-empty-layer");
  push_manifest("a", R"({"schemaVersion":2,"subject":)" + descriptor(amd) + "}");
  push_manifest("a", R"({"schemaVersion":2,"layers":[{"digest":")" + sha256("far away").str() +
                         R"(","urls":["https://elsewhere/"]}]})");
  push_blob("a", "long", store::Algorithm::Sha512);
  REQUIRE(store().repository(store::repository("a")).begin_upload(store::Algorithm::Sha256).ok());
  REQUIRE(store().repository(store::repository("a")).delete_manifest(push_image("a", {"gone"}, "gone")).ok());
  const Diagnosis diagnosis = examine();
  CHECK(diagnosis.findings.empty());
  CHECK(diagnosis.images.empty());
  CHECK(diagnosis.counts.repositories == 2);
  CHECK(diagnosis.counts.tags == 2);
  CHECK(diagnosis.counts.uploads == 1);
}

TEST_CASE_FIXTURE(Volume, "one changed byte in a layer is found, with all images that have the layer, and no others") {
  push_image("a", {"shared", "x"}, "v1");
  push_image("b", {"shared", "y"}, "v1");
  push_image("b", {"y"}, "v2");
  flip(sha256("shared"));
  const Diagnosis diagnosis = examine();
  CHECK(names(diagnosis.images) == Texts{"a:v1", "b:v1"});
  REQUIRE(diagnosis.findings.size() == 1);
  const Finding& finding = diagnosis.findings.begin()->second;
  CHECK(finding.code() == "content-damaged");
  CHECK(finding.needed_in == std::set<std::string>{"a", "b"});
  CHECK(finding.detail == "its 6 bytes have " + sha256(scratch().read(data(sha256("shared")))).str());
}

TEST_CASE_FIXTURE(Volume, "without computing all digests a damaged layer is passed over, a damaged manifest is not") {
  const auto image = push_image("a", {"x"}, "v1");
  flip(sha256("x"));
  CHECK(examine({.digests = false}).findings.empty());
  flip(image);
  CHECK(sentences(examine({.digests = false})).at(0).starts_with("manifest " + image.str() + " is damaged"));
}

TEST_CASE_FIXTURE(Volume, "a layer whose data is gone, or empty, is named with its image") {
  push_image("a", {"x", "y"}, "v1");
  remove(data(sha256("x")));
  write(data(sha256("y")), "");
  const Diagnosis diagnosis = examine();
  CHECK(names(diagnosis.images) == Texts{"a:v1"});
  Texts found = sentences(diagnosis);
  Texts expected{"blob " + sha256("x").str() + " is not stored",
                 "blob " + sha256("y").str() + " is stored as an empty file"};
  std::sort(found.begin(), found.end());
  std::sort(expected.begin(), expected.end());
  CHECK(found == expected);
}

TEST_CASE_FIXTURE(Volume,
                  "a damaged content that no image needs is found all the same: a push of it would not heal it") {
  push_blob("a", "x");
  flip(sha256("x"));
  CHECK(codes() == Texts{"content-damaged"});
  CHECK(examine().images.empty());
}

TEST_CASE_FIXTURE(Volume, "empty links are found wherever they are") {
  const auto image = push_image("a", {"x"}, "v1");
  push_image("a", {"y"}, "v2");
  SUBCASE("of a layer") {
    write(layer("a", sha256("x")), "");
    CHECK(sentences(examine()) == Texts{"the link of blob " + sha256("x").str() + " is an empty file"});
    CHECK(codes() == Texts{"layer-link-empty"});
  }
  SUBCASE("of a layer that no manifest needs") {
    push_blob("a", "z");
    write(layer("a", sha256("z")), "");
    CHECK(codes() == Texts{"layer-link-empty"});
  }
  SUBCASE("of a manifest") {
    write(revision("a", image), "");
    CHECK(sentences(examine()) == Texts{"the link of manifest " + image.str() + " is an empty file"});
  }
  SUBCASE("of a tag") {
    write(tag_link("a", "v1"), "");
    CHECK(sentences(examine()) == Texts{"the tag's link is an empty file; it has only ever pointed at " + image.str()});
  }
  SUBCASE("of a tag, which has pointed at several") {
    push_image("a", {"y"}, "v1");
    write(tag_link("a", "v1"), "");
    CHECK(
        sentences(examine()).at(0).starts_with("the tag's link is an empty file; it once pointed at each of sha256:"));
  }
  SUBCASE("of a tag's history, which hurts nobody") {
    write(below_v2(store::Layout::tag_index_link(store::repository("a"), store::tag("v1"), image)), "");
    CHECK(codes() == Texts{"history-link-empty"});
    CHECK_FALSE(examine().has_damage());
    return;
  }
  CHECK(examine().has_damage());
  CHECK(examine().images.size() <= 1);
}

TEST_CASE_FIXTURE(Volume, "a link of zero bytes, as some file systems leave it, and one to other content are found") {
  push_image("a", {"x", "y"}, "v1");
  write(layer("a", sha256("x")), std::string(71, '\0'));
  write(layer("a", sha256("y")), sha256("x").str());
  CHECK(codes() == Texts{"layer-link-malformed", "layer-link-misleading"});
}

TEST_CASE_FIXTURE(Volume, "a tag without its link is found with what it once pointed at") {
  const auto image = push_image("a", {"x"}, "v1");
  remove(tag_link("a", "v1"));
  CHECK(codes().empty());  // somebody may be pushing it
  age_tag("a", "v1");
  CHECK(sentences(examine()) == Texts{"the tag's link is not there; it has only ever pointed at " + image.str()});
}

TEST_CASE_FIXTURE(Volume, "links that are gone are found where an image needs them") {
  const auto image = push_image("a", {"x"}, "v1");
  push_blob("b", "x");  // stored, but of no use here
  SUBCASE("of a layer") {
    remove(layer("a", sha256("x")));
    CHECK(codes() == Texts{"layer-link-missing"});
  }
  SUBCASE("of a layer that is not stored either") {
    remove(layer("a", sha256("x")));
    remove(data(sha256("x")));
    CHECK(codes() == Texts{"content-missing"});
  }
  SUBCASE("of a manifest") {
    remove(revision("a", image));
    CHECK(codes() == Texts{"revision-link-missing"});
  }
  CHECK(names(examine().images) == Texts{"a:v1"});
}

TEST_CASE_FIXTURE(Volume, "children that an old collection took from a tagged index are found, however deep") {
  const auto amd = push_image("a", {"x"});
  const auto inner = push_index("a", {amd});
  push_index("a", {inner}, "multi");
  SUBCASE("whose content is stored still") {
    remove(revision("a", amd));
    CHECK(codes() == Texts{"revision-link-missing"});
  }
  SUBCASE("whose content is gone, too") {
    remove(revision("a", amd));
    remove(data(amd));
    CHECK(codes() == Texts{"content-missing"});
    CHECK(sentences(examine()) == Texts{"the listed manifest " + amd.str() + " is not stored"});
  }
  CHECK(names(examine().images).back() == "a:multi");
}

TEST_CASE_FIXTURE(Volume, "an image without a tag is named by its digest, and once for the tag that leads to it") {
  const auto untagged = push_image("a", {"x"});
  push_index("a", {push_image("a", {"y"})}, "multi");
  remove(data(sha256("x")));
  remove(data(sha256("y")));
  CHECK(names(examine().images) == Texts{"a:multi", "a@" + untagged.str()});
}

TEST_CASE_FIXTURE(Volume, "what is linked as a manifest and is none is found") {
  push_manifest("a", "not JSON", "v1");
  CHECK(codes() == Texts{"content-not-a-manifest"});
}

TEST_CASE_FIXTURE(Volume, "links of layers that a collection swept hurt nobody and are counted") {
  push_blob("a", "x");
  remove(data(sha256("x")));
  CHECK(examine().findings.empty());
  CHECK(examine().counts.dangling_layers == 1);
}

TEST_CASE_FIXTURE(Volume, "what collection has thrown away and still is linked is not missed: a pull brings it back") {
  const auto image = push_image("a", {"x"}, "v1");
  const auto trash = store::TrashName::generate(store::Time::clock::now());
  for (const auto& digest : {image, sha256("x")}) {
    const store::Key place = store::Layout::blob_data(digest);
    REQUIRE(store().driver().move(place, store::Layout::in_trash(trash, place)).ok());
  }
  CHECK(examine().findings.empty());
  CHECK(store().repository(store::repository("a")).manifest(image).ok());
}

TEST_CASE_FIXTURE(Volume, "in a pull-through cache what is not there is not missed, what is wrong is") {
  push_image("a", {"x", "y"}, "v1");
  std::ofstream(scratch().path() / "scheduler-state.json") << "{}";
  remove(data(sha256("x")));
  remove(layer("a", sha256("y")));
  CHECK(examine().findings.empty());
  write(data(sha256("x")), "something else");
  CHECK(codes() == Texts{"content-damaged"});
}

TEST_CASE_FIXTURE(Volume, "uploads that cannot go on, and those that nobody came back for, are worth knowing") {
  const auto begun = [&](const std::string& started) {
    auto upload = store().repository(store::repository("a")).begin_upload(store::Algorithm::Sha256);
    const std::string folder = below_v2(store::Layout::upload(store::repository("a"), upload.value().id()));
    write(folder + "/startedat", started);
    return folder;
  };
  begun("2020-01-01T00:00:00Z");
  remove(begun("2020-01-01T00:00:00Z") + "/data");
  CHECK(codes() == Texts{"upload-abandoned", "upload-broken"});
  CHECK_FALSE(examine().has_damage());
}

TEST_CASE_FIXTURE(Volume, "a volume without its folders is an error, not a clean one") {
  Examination examination(store(), {});
  CHECK(examination.all({}, {}).error().code == ErrorCode::NotFound);
}

TEST_CASE_FIXTURE(Volume, "computing digests goes on where it was stopped, and forgets nothing that it found") {
  for (int i = 0; i < 40; ++i) push_blob("a", "blob " + std::to_string(i));
  for (int i = 0; i < 40; i += 7) flip(sha256("blob " + std::to_string(i)));
  const std::string file = (scratch().path() / "state").string();
  ExaminationOptions options{.threads = 1, .resume_file = file};
  std::set<std::string> found;
  std::uint64_t seen = 0;
  int runs = 0;
  for (bool done = false; !done; ++runs) {
    Examination examination(store(), options);
    std::stop_source stop;
    const std::uint64_t before = seen;
    auto result = examination.all(
        [&](const DigestWalk::Progress& now) {
          seen = now.contents;
          if (seen == before + 9) stop.request_stop();
        },
        stop.get_token());
    done = result.ok();
    if (done) {
      for (const auto& [key, finding] : result.value().findings) found.insert(finding.digest->str());
    }
  }
  CHECK(runs == 5);
  CHECK(seen == 40);
  std::set<std::string> expected;
  for (int i = 0; i < 40; i += 7) expected.insert(sha256("blob " + std::to_string(i)).str());
  CHECK(found == expected);
  CHECK_FALSE(std::filesystem::exists(file));
}

TEST_CASE_FIXTURE(Volume, "a file of something else is not taken for the state of an earlier run") {
  push_blob("a", "x");
  const std::string file = (scratch().path() / "state").string();
  std::ofstream(file) << R"({"version":1})";
  Examination examination(store(), {.resume_file = file});
  CHECK(examination.all({}, {}).error().code == ErrorCode::BadConfig);
}
