// Several processes on one folder, and processes that die at any moment.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <random>
#include <thread>

#include "unit/registry/store/scratch.h"

using namespace caisson;
using namespace caisson::registry::store;

namespace {

std::string bytes_of_push(unsigned round, unsigned number) {
  std::mt19937 random(round * 1000 + number);
  std::string bytes(1 + random() % 200'000, '\0');
  for (char& c : bytes) c = static_cast<char>(random());
  return bytes;
}

// Pushes blobs with a tagged manifest each, and writes a number to `acknowledged` after each success. Never returns.
[[noreturn]] void push_until_killed(const Scratch& scratch, unsigned round, int acknowledged) {
  Store store(scratch.driver(), observe::ErrorLog());
  Repository app = store.repository(repository("app"));
  for (unsigned number = 0;; ++number) {
    const std::string bytes = bytes_of_push(round, number);
    auto upload = app.begin_upload(Algorithm::Sha256);
    if (!upload.ok() || !upload.value().append(text::bytes_of(bytes)).ok()) ::_exit(1);
    const UploadId id = upload.value().id();
    if (!upload.value().park().ok()) ::_exit(5);
    auto resumed = app.resume_upload(id);
    if (!resumed.ok() || !resumed.value().commit(sha256(bytes)).ok()) ::_exit(2);
    const std::string manifest = sha256(bytes).str();
    auto missing = app.put_manifest(sha256(manifest), manifest, {{sha256(bytes)}, {}}, {tag("latest")});
    if (!missing.ok() || !missing.value().empty()) ::_exit(3);
    if (::write(acknowledged, &number, sizeof number) != sizeof number) ::_exit(4);
  }
}

void check_every_visible_blob_is_whole(const Scratch& scratch) {
  if (!scratch.has("blobs")) return;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(scratch.v2("blobs"))) {
    if (entry.path().filename() != "data") continue;
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    CHECK(sha256(bytes).hex() == entry.path().parent_path().filename().string());
  }
}

}  // namespace

TEST_CASE("kill -9 at any moment loses nothing acknowledged and shows nothing half") {
  const Scratch scratch;
  std::mt19937 random(20261121);
  unsigned acknowledged = 0;
  for (unsigned round = 0; round < 25; ++round) {
    std::array<int, 2> pipe{};
    REQUIRE(::pipe(pipe.data()) == 0);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) push_until_killed(scratch, round, pipe[1]);
    ::close(pipe[1]);
    // Dies a random while after its n-th success; in some rounds before the first.
    std::vector<unsigned> successes(random() % 4);
    for (unsigned& number : successes) REQUIRE(::read(pipe[0], &number, sizeof number) == sizeof number);
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 20'000));
    REQUIRE(::kill(child, SIGKILL) == 0);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status));

    Store store(scratch.driver(), observe::ErrorLog());
    const Repository app = store.repository(repository("app"));
    for (unsigned number = 0; ::read(pipe[0], &number, sizeof number) == sizeof number;) successes.push_back(number);
    for (const unsigned number : successes) {
      ++acknowledged;
      const std::string bytes = bytes_of_push(round, number);
      CHECK(app.blob_size(sha256(bytes)).ok());
      CHECK(app.manifest(sha256(sha256(bytes).str())).ok());
    }
    ::close(pipe[0]);
    check_every_visible_blob_is_whole(scratch);
    if (auto latest = app.tagged(tag("latest")); latest.ok()) {
      auto manifest = app.manifest(latest.value());
      REQUIRE(manifest.ok());
      CHECK(app.blob_size(Digest::parse(manifest.value()).value()).ok());
    }
    // What the dead process left unfinished stands in nobody's way.
    auto upload = store.repository(repository("app")).begin_upload(Algorithm::Sha256);
    CHECK(upload.ok());
    CHECK(upload.value().cancel().ok());
  }
  CHECK(acknowledged > 0);
}

TEST_CASE("writers of two processes fight over one upload: no byte is lost, doubled or mixed") {
  const Scratch scratch;
  Store store(scratch.driver(), observe::ErrorLog());
  Repository app = store.repository(repository("app"));
  const UploadId id = app.begin_upload(Algorithm::Sha256).value().id();
  constexpr std::size_t kBlock = 1000;
  constexpr int kBlocks = 3000;

  // Each takes the upload over again and again and goes on from where it finds it. How many blocks it wrote, or -1.
  const auto fight = [&](Store& with, char letter) {
    Repository mine = with.repository(repository("app"));
    const std::string block(kBlock, letter);
    int written = 0;
    for (;;) {
      auto upload = mine.resume_upload(id);
      if (!upload.ok()) return -1;
      while (upload.value().size() < kBlock * kBlocks) {
        auto appended = upload.value().append(text::bytes_of(block));
        if (!appended.ok() && appended.error().code != ErrorCode::Conflict) return -1;
        if (!appended.ok()) break;
        if (++written % 3 == 0) break;  // lets go often, so that both are there most of the time
      }
      if (upload.value().size() >= kBlock * kBlocks) return written;
      auto parked = upload.value().park();
      if (!parked.ok() && parked.error().code != ErrorCode::Conflict) return -1;
    }
  };
  std::array<int, 2> result{};
  REQUIRE(::pipe(result.data()) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    Store own(scratch.driver(), observe::ErrorLog());
    const int written = fight(own, 'c');
    ::_exit(::write(result[1], &written, sizeof written) == sizeof written ? 0 : 1);
  }
  ::close(result[1]);
  const int mine = fight(store, 'p');
  int theirs = 0;
  REQUIRE(::read(result[0], &theirs, sizeof theirs) == sizeof theirs);
  ::close(result[0]);
  REQUIRE(::waitpid(child, nullptr, 0) == child);
  CHECK(mine + theirs == kBlocks);

  const std::string bytes = scratch.read("repositories/app/_uploads/" + id.str() + "/data");
  REQUIRE(bytes.size() == kBlock * kBlocks);
  int blocks_of_child = 0;
  for (std::size_t at = 0; at < bytes.size(); at += kBlock) {
    CHECK(bytes.find_first_not_of(bytes[at], at) >= std::min(at + kBlock, bytes.size()));
    blocks_of_child += bytes[at] == 'c' ? 1 : 0;
  }
  CHECK(blocks_of_child == theirs);
  CHECK(app.resume_upload(id).value().commit(sha256(bytes)).ok());
}

TEST_CASE("many processes push the same blobs at once, and all succeed") {
  const Scratch scratch;
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      Store store(scratch.driver(), observe::ErrorLog());
      Repository app = store.repository(repository("app"));
      for (unsigned number = 0; number < 15; ++number) {
        const std::string bytes = bytes_of_push(7, number);
        auto upload = app.begin_upload(Algorithm::Sha256);
        if (!upload.ok() || !upload.value().append(text::bytes_of(bytes)).ok()) ::_exit(1);
        if (!upload.value().commit(sha256(bytes)).ok()) ::_exit(2);
        if (!app.put_manifest(sha256("{}"), "{}", {}, {tag("latest")}).ok()) ::_exit(3);
      }
      ::_exit(0);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
  }
  check_every_visible_blob_is_whole(scratch);
}
