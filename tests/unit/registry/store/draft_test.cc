// How much of an upload counts after the machine stopped: what was on disk by then, and no more.
#include <doctest/doctest.h>
#include <fcntl.h>

#include "registry/store/draft_note.h"
#include "unit/registry/store/scratch.h"

using namespace caisson;
using namespace caisson::registry::store;

namespace {

struct Fixture : Stored {
  Repository app = store.repository(repository("app"));
  Upload upload = std::move(app.begin_upload(Algorithm::Sha256)).value();
  const UploadId id = upload.id();
  const std::string folder = "repositories/app/_uploads/" + id.str();

  void append(Upload& to, std::string_view bytes) { REQUIRE(to.append(text::bytes_of(bytes)).ok()); }

  // As if the machine had been started anew since the note was written.
  void start_machine_anew() {
    const Fd lock(::open(scratch.v2(folder + "/lock").c_str(), O_RDWR | O_CLOEXEC));
    auto note = read_note(lock);
    REQUIRE(note.ok());
    REQUIRE(note.value());
    note.value()->boot.fill('0');
    REQUIRE(write_note(lock, *note.value()).ok());
  }
  std::uint64_t size() { return app.upload_size(id).value(); }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "after a power cut an upload goes on from what a request had left on disk") {
  append(upload, "hel");
  REQUIRE(upload.park().ok());
  {
    auto second = app.resume_upload(id);
    append(second.value(), "XXXXXXXX");  // and the power goes
    CHECK(size() == 11);
  }
  start_machine_anew();
  CHECK(size() == 3);
  CHECK(scratch.read(folder + "/data").size() == 11);
  Store restarted(scratch.driver(), observe::ErrorLog());
  auto resumed = restarted.repository(app.name()).resume_upload(id);
  REQUIRE(resumed.ok());
  CHECK(resumed.value().size() == 3);
  append(resumed.value(), "lo");
  CHECK(resumed.value().commit(sha256("hello")).ok());
}

TEST_CASE_FIXTURE(Fixture, "an upload of which nothing was on disk begins anew") {
  append(upload, "hel");
  start_machine_anew();
  CHECK(size() == 0);
  auto resumed = app.resume_upload(id);
  CHECK(resumed.value().size() == 0);
  append(resumed.value(), "hello");
  CHECK(resumed.value().commit(sha256("hello")).ok());
}

TEST_CASE_FIXTURE(Fixture, "a note that a power cut took away counts as nothing on disk") {
  append(upload, "hel");
  REQUIRE(upload.park().ok());
  scratch.write(folder + "/lock", "");
  CHECK(size() == 0);
  CHECK(app.resume_upload(id).value().size() == 0);
}

TEST_CASE_FIXTURE(Fixture, "bytes that were taken back do not count, nor those that came in their place") {
  append(upload, "he");
  REQUIRE(upload.park().ok());
  auto second = std::move(app.resume_upload(id)).value();
  auto mark = second.mark();
  const std::string block(64U << 20, 'X');  // so much is synced on the way
  append(second, block);
  REQUIRE(second.rewind(std::move(mark)).ok());
  append(second, "llo");
  start_machine_anew();
  CHECK(size() == 2);
}

TEST_CASE_FIXTURE(Fixture, "while the machine runs every byte counts, whoever died") {
  append(upload, "hel");
  Store restarted(scratch.driver(), observe::ErrorLog());
  CHECK(restarted.repository(app.name()).upload_size(id).value() == 3);
  CHECK(restarted.repository(app.name()).resume_upload(id).value().size() == 3);
}

TEST_CASE_FIXTURE(Fixture, "an upload that registry:2 wrote to counts whole") {
  std::filesystem::remove(scratch.v2(folder + "/lock"));
  scratch.write(folder + "/data", "hel");
  CHECK(size() == 3);
  auto resumed = std::move(app.resume_upload(id)).value();
  CHECK(resumed.size() == 3);
  append(resumed, "lo");
  CHECK(resumed.commit(sha256("hello")).ok());
}
