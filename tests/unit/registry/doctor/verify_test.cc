#include "registry/doctor/verify.h"

#include <map>
#include <sstream>
#include <thread>

#include "registry/doctor/mender.h"
#include "unit/registry/doctor/volume.h"

using namespace caisson;
using namespace caisson::registry;
using namespace caisson::registry::doctor;
using store::sha256;

namespace {

// A registry that has what a test gives it.
struct FakeRegistry final : OtherRegistry {
  std::map<std::string, std::string> contents;  // by digest
  std::map<std::string, store::Digest> tags;    // by "name:tag"
  int asked = 0;

  store::Digest has(const std::string& bytes) {
    contents[sha256(bytes).str()] = bytes;
    return sha256(bytes);
  }
  Result<void> blob(const store::RepositoryName& name, const store::Digest& digest, const Sink& sink) override {
    auto bytes = manifest(name, digest);
    return bytes.ok() ? sink(text::bytes_of(bytes.value())) : std::move(bytes).error();
  }
  Result<std::string> manifest(const store::RepositoryName&, const store::Digest& digest) override {
    ++asked;
    const auto found = contents.find(digest.str());
    if (found == contents.end()) return Error{ErrorCode::NotFound, "it does not have it"};
    return found->second;
  }
  Result<store::Digest> tagged(const store::RepositoryName& name, const store::Tag& tag) override {
    const auto found = tags.find(name.str() + ':' + tag.str());
    if (found == tags.end()) return Error{ErrorCode::NotFound, "it does not have it"};
    return found->second;
  }
};

struct Patient : Volume {
  FakeRegistry other;
  std::string report;

  // The exit status.
  int repair(OtherRegistry* from = nullptr) { return run(true, from); }
  int run(bool repair, OtherRegistry* from = nullptr) {
    std::ostringstream out;
    Verification what{scratch().path().string(), {.threads = 2}, false, repair};
    const int status = verify(scratch().driver(), what, from, out, out, nullptr);
    report = out.str();
    return status;
  }
  std::string content(const store::Digest& digest) { return scratch().read(data(digest)); }
  Texts files() {
    Texts all;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(scratch().path()))
      all.push_back(entry.path());
    std::sort(all.begin(), all.end());
    return all;
  }
  std::size_t set_aside() {
    if (!scratch().has("_damaged")) return 0;
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(scratch().v2("_damaged"))) {
      if (entry.is_regular_file()) ++files;
    }
    return files;
  }
};

}  // namespace

TEST_CASE_FIXTURE(Patient, "a volume that is whole ends with 0 and is not touched") {
  push_index("a", {push_image("a", {"x"})}, "multi");
  CHECK(repair(&other) == 0);
  CHECK(report.find("Nothing is damaged.") != std::string::npos);
  CHECK(other.asked == 0);
  CHECK(set_aside() == 0);
}

TEST_CASE_FIXTURE(Patient, "a root that is no volume ends with 2") {
  CHECK(run(false) == 2);
  CHECK(report.find("is no registry's volume") != std::string::npos);
}

TEST_CASE_FIXTURE(Patient, "without --repair nothing changes, and what it would do is told") {
  push_image("a", {"x"}, "v1");
  write(layer("a", sha256("x")), "");
  const Texts before = files();
  CHECK(run(false) == 1);
  CHECK(scratch().read(layer("a", sha256("x"))).empty());
  CHECK(report.find("What --repair would do:\n  re-make the link of blob " + sha256("x").str() + " in a\n") !=
        std::string::npos);
  CHECK(files() == before);
}

TEST_CASE_FIXTURE(Patient, "damaged content is kept aside, and a push of it heals every image that has it") {
  push_image("a", {"x"}, "v1");
  push_image("b", {"x"}, "v1");
  flip(sha256("x"));
  const std::string damaged = content(sha256("x"));
  CHECK(repair() == 1);
  CHECK_FALSE(scratch().has(data(sha256("x"))));
  REQUIRE(set_aside() == 1);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(scratch().v2("_damaged"))) {
    if (entry.is_regular_file()) CHECK(std::filesystem::file_size(entry.path()) == damaged.size());
  }
  push_blob("a", "x");
  CHECK(run(false) == 0);
}

TEST_CASE_FIXTURE(Patient, "links whose folder names what is stored are made again") {
  const auto image = push_image("a", {"x", "y", "z"}, "v1");
  write(layer("a", sha256("x")), "");
  write(layer("a", sha256("y")), "sha256:12");
  write(layer("a", sha256("z")), sha256("x").str());
  write(revision("a", image), "");
  write(below_v2(store::Layout::tag_index_link(store::repository("a"), store::tag("v1"), image)), "");
  CHECK(repair() == 0);
  for (const char* bytes : {"x", "y", "z"}) CHECK(scratch().read(layer("a", sha256(bytes))) == sha256(bytes).str());
  CHECK(scratch().read(revision("a", image)) == image.str());
  CHECK(examine().findings.empty());
}

TEST_CASE_FIXTURE(Patient, "an empty link to what is not stored goes: it makes registry:2 answer 500") {
  push_blob("a", "x");
  const auto image = push_image("a", {"y"}, "v1");
  remove(data(sha256("x")));
  write(layer("a", sha256("x")), "");
  CHECK(repair() == 0);
  CHECK_FALSE(scratch().has(layer("a", sha256("x"))));
  CHECK(scratch().has(revision("a", image)));
}

TEST_CASE_FIXTURE(Patient, "a link to damaged content is not made again") {
  push_image("a", {"x"}, "v1");
  flip(sha256("x"));
  write(layer("a", sha256("x")), "");
  CHECK(repair() == 1);
  CHECK_FALSE(scratch().has(layer("a", sha256("x"))));
}

TEST_CASE_FIXTURE(Patient, "links that are gone come back for what an image needs and is stored") {
  const auto amd = push_image("a", {"x"});
  const auto index = push_index("a", {amd}, "multi");
  remove(layer("a", sha256("x")));
  remove(revision("a", amd));
  remove(revision("a", index));
  CHECK(repair() == 0);
  CHECK(scratch().read(layer("a", sha256("x"))) == sha256("x").str());
  CHECK(scratch().read(revision("a", amd)) == amd.str());
}

TEST_CASE_FIXTURE(Patient, "a tag's link is made again when it never pointed at anything else") {
  const auto image = push_image("a", {"x"}, "v1");
  for (const char* bytes : {"", "sha256:"}) {
    write(tag_link("a", "v1"), bytes);
    CHECK(repair() == 0);
    CHECK(scratch().read(tag_link("a", "v1")) == image.str());
  }
  remove(tag_link("a", "v1"));
  age_tag("a", "v1");
  CHECK(repair() == 0);
  CHECK(scratch().read(tag_link("a", "v1")) == image.str());
}

TEST_CASE_FIXTURE(Patient, "of several that a tag was, only another registry tells which") {
  const auto first = push_image("a", {"x"}, "v1");
  push_image("a", {"y"}, "v1");
  write(tag_link("a", "v1"), "");
  CHECK(repair() == 1);
  CHECK(scratch().read(tag_link("a", "v1")).empty());
  SUBCASE("which has it") {
    other.tags.emplace("a:v1", first);
    CHECK(repair(&other) == 0);
    CHECK(scratch().read(tag_link("a", "v1")) == first.str());
  }
  SUBCASE("which has something that it never was here") {
    other.tags.emplace("a:v1", sha256("other"));
    CHECK(repair(&other) == 1);
    CHECK(report.find("FAILED, in the other registry it is " + sha256("other").str()) != std::string::npos);
    CHECK(scratch().read(tag_link("a", "v1")).empty());
  }
  SUBCASE("which does not have it") {
    CHECK(repair(&other) == 1);
    CHECK(scratch().read(tag_link("a", "v1")).empty());
  }
}

TEST_CASE_FIXTURE(Patient, "all of an image comes back from another registry, from its index down") {
  const auto amd = push_image("a", {"x", "y"});
  const auto index = push_index("a", {amd}, "multi");
  push_image("b", {"y"}, "v1");
  for (const std::string& bytes :
       {content(amd), content(index), content(sha256("{}")), std::string("x"), std::string("y")})
    other.has(bytes);
  for (const auto& digest : {amd, index, sha256("x")}) remove(data(digest));
  for (const auto& digest : {amd, index}) remove(revision("a", digest));
  remove(layer("a", sha256("x")));
  flip(sha256("y"));
  CHECK(repair() == 1);
  CHECK(repair(&other) == 0);
  CHECK(report.find("a:multi") != std::string::npos);
  CHECK(other.asked == 4);
  CHECK(content(sha256("y")) == "y");
  CHECK(examine().findings.empty());
  CHECK(examine().counts.uploads == 0);
}

TEST_CASE_FIXTURE(Patient, "what another registry gives counts only with its digest") {
  const auto image = push_image("a", {"x"}, "v1");
  other.contents[sha256("x").str()] = "X";
  other.contents[image.str()] = "{}";
  remove(data(sha256("x")));
  CHECK(repair(&other) == 1);
  CHECK_FALSE(scratch().has(data(sha256("x"))));
  remove(data(image));
  CHECK(repair(&other) == 1);
  CHECK_FALSE(scratch().has(data(image)));
  CHECK(report.find("FAILED, what the other registry gave does not have that digest") != std::string::npos);
  CHECK(examine().counts.uploads == 0);
}

TEST_CASE_FIXTURE(Patient, "what it needs and the other registry lacks is told, the rest comes back") {
  push_image("a", {"x", "y"}, "v1");
  remove(data(sha256("x")));
  remove(data(sha256("y")));
  other.has("x");
  CHECK(repair(&other) == 1);
  CHECK(content(sha256("x")) == "x");
  CHECK(report.find("fetch blob " + sha256("y").str() + ": FAILED, it does not have it") != std::string::npos);
}

TEST_CASE_FIXTURE(Patient, "dead uploads go, and none that somebody has open") {
  auto open = store().repository(store::repository("a")).begin_upload(store::Algorithm::Sha256);
  auto left = store().repository(store::repository("a")).begin_upload(store::Algorithm::Sha256);
  const std::string open_folder = below_v2(store::Layout::upload(store::repository("a"), open.value().id()));
  const std::string left_folder = below_v2(store::Layout::upload(store::repository("a"), left.value().id()));
  REQUIRE(left.value().park().ok());
  const std::string half = below_v2(store::Layout::upload(
      store::repository("a"), store::UploadId::parse("01234567-89ab-4def-8123-456789abcdef").value()));
  for (const std::string& folder : {open_folder, left_folder, half})
    write(folder + "/startedat", "2020-01-01T00:00:00Z");
  CHECK(repair() == 0);
  CHECK(scratch().has(open_folder));
  CHECK_FALSE(scratch().has(half));
  CHECK_FALSE(scratch().has(left_folder + "/data"));
}

TEST_CASE_FIXTURE(Patient, "content that was healed after it was found damaged stays") {
  push_blob("a", "x");
  flip(sha256("x"));
  Throttle throttle(0);
  Contents contents(store(), throttle);
  REQUIRE(contents.examine(sha256("x")).fault == Fault::Damaged);
  std::filesystem::remove(scratch().v2(data(sha256("x"))));
  push_blob("a", "x");
  Step step{Step::Action::SetAside, {Place::Content, Fault::Damaged}};
  step.finding.digest = sha256("x");
  Mender(store(), contents, nullptr).carry_out(step);
  CHECK(step.result == Step::Result::Unneeded);
  CHECK(content(sha256("x")) == "x");
}

TEST_CASE_FIXTURE(Patient, "content that is pushed while the damaged one is taken away is never lost") {
  Throttle throttle(0);
  for (int round = 0; round < 100; ++round) {
    push_blob("a", "good");
    write(data(sha256("good")), "of another size");
    Contents contents(store(), throttle);
    REQUIRE(contents.examine(sha256("good")).fault == Fault::Damaged);
    Step step{Step::Action::SetAside, {Place::Content, Fault::Damaged}};
    step.finding.digest = sha256("good");
    {
      const std::jthread pusher([&] { push_blob("a", "good"); });
      Mender(store(), contents, nullptr).carry_out(step);
    }
    CHECK(step.result != Step::Result::Failed);
    REQUIRE(content(sha256("good")) == "good");
  }
}

TEST_CASE_FIXTURE(Patient, "the report as JSON has what its header says") {
  push_image("a", {"x"}, "v1");
  remove(data(sha256("x")));
  std::ostringstream out;
  Verification what{"/volume", {.threads = 1}, true, false};
  CHECK(verify(scratch().driver(), what, &other, out, out, nullptr) == 1);
  const std::string x = sha256("x").str();
  for (const std::string& part :
       {std::string(R"("version": 1)"), std::string(R"("verdict": "damaged")"), std::string(R"("root": "/volume")"),
        std::string(R"("tag": "v1")"), std::string(R"("role": "blob")"), R"("text": "blob )" + x + R"( is not stored")",
        std::string(R"("code": "content-missing")"), std::string(R"("action": "fetch")"),
        std::string(R"("result": "planned")"), std::string(R"("mended": false)")}) {
    CAPTURE(part);
    CHECK(out.str().find(part) != std::string::npos);
  }
}
