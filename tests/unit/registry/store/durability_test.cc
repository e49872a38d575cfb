// What must be on disk before success is reported, and what a failing disk does. The system calls that matter are
// replaced here (for this test program): they are noted, may be told to fail, and otherwise go on to the real ones.
#include <dlfcn.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <functional>
#include <map>
#include <set>

#include "registry/store/folders.h"
#include "unit/registry/store/scratch.h"

using namespace caisson;
using namespace caisson::registry::store;

namespace {

std::string path_of(int fd) {
  std::array<char, 4096> buffer{};
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t length = ::readlink(link.c_str(), buffer.data(), buffer.size());
  return length < 0 ? std::string() : std::string(buffer.data(), static_cast<std::size_t>(length));
}

// What a power cut would leave: names are on disk once their folder was synced, bytes once their file was. One thread.
class Disk {
 public:
  void made(const std::string& path) { loose_names_.insert(path); }
  void renamed(const std::string& from, const std::string& to) {
    loose_names_.insert(to);
    if (loose_bytes_.erase(from) > 0) loose_bytes_.insert(to);
  }
  void written(const std::string& path) { loose_bytes_.insert(path); }
  void synced(const std::string& path) {
    loose_bytes_.erase(path);
    std::erase_if(loose_names_, [&](const std::string& name) { return parent_of(name) == path; });
  }

  // Whether the file with its bytes and all folders above it would be there.
  bool holds(const std::string& path) const {
    if (loose_bytes_.contains(path)) return false;
    for (std::string_view name = path; !name.empty(); name = parent_of(name)) {
      if (loose_names_.contains(std::string(name))) return false;
    }
    return true;
  }

  // Told at each rename, before it happens.
  std::function<void(const std::string& from, const std::string& to)> before_rename;
  // Bytes that writes may still take until the disk is full; -1: no limit.
  long room = -1;
  int sync_error = 0;
  // Docker's sandbox forbids name_to_handle_at().
  bool handles_forbidden = false;

 private:
  std::set<std::string> loose_names_;
  std::set<std::string> loose_bytes_;
};

std::atomic<Disk*> watched{nullptr};

struct Watch {
  Disk disk;
  Watch() { watched = &disk; }
  ~Watch() { watched = nullptr; }
};

template <class Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

int sync_with(int (*call)(int), int fd) {
  Disk* disk = watched;
  if (disk != nullptr && disk->sync_error != 0) {
    errno = disk->sync_error;
    return -1;
  }
  const int result = call(fd);
  if (disk != nullptr && result == 0) disk->synced(path_of(fd));
  return result;
}

}  // namespace

extern "C" {

int fsync(int fd) {
  static auto* const call = real<int(int)>("fsync");
  return sync_with(call, fd);
}

int fdatasync(int fd) {
  static auto* const call = real<int(int)>("fdatasync");
  return sync_with(call, fd);
}

ssize_t pwrite(int fd, const void* bytes, size_t count, off_t offset) {
  static auto* const call = real<ssize_t(int, const void*, size_t, off_t)>("pwrite");
  Disk* disk = watched;
  if (disk == nullptr) return call(fd, bytes, count, offset);
  if (disk->room == 0) {
    errno = ENOSPC;
    return -1;
  }
  if (disk->room > 0) count = std::min(count, static_cast<size_t>(disk->room));
  const ssize_t written = call(fd, bytes, count, offset);
  if (disk->room > 0) disk->room -= written;
  disk->written(path_of(fd));
  return written;
}

int name_to_handle_at(int folder, const char* path, file_handle* handle, int* mount, int flags) noexcept {
  static auto* const call = real<int(int, const char*, file_handle*, int*, int)>("name_to_handle_at");
  if (Disk* disk = watched; disk != nullptr && disk->handles_forbidden) {
    errno = EPERM;
    return -1;
  }
  return call(folder, path, handle, mount, flags);
}

int mkdirat(int folder, const char* path, mode_t mode) noexcept {
  static auto* const call = real<int(int, const char*, mode_t)>("mkdirat");
  const int result = call(folder, path, mode);
  if (Disk* disk = watched; disk != nullptr && result == 0) disk->made(path_of(folder) + '/' + path);
  return result;
}

int renameat(int from_folder, const char* from, int to_folder, const char* to) noexcept {
  static auto* const call = real<int(int, const char*, int, const char*)>("renameat");
  const std::string old_name = path_of(from_folder) + '/' + from;
  const std::string new_name = path_of(to_folder) + '/' + to;
  Disk* disk = watched;
  if (disk != nullptr && disk->before_rename) disk->before_rename(old_name, new_name);
  const int result = call(from_folder, from, to_folder, to);
  if (disk != nullptr && result == 0) disk->renamed(old_name, new_name);
  return result;
}
}

namespace {

struct Fixture {
  Scratch scratch;
  Watch watch;
  Store store{scratch.driver(), observe::ErrorLog()};
  Repository app = store.repository(repository("library/app"));

  std::string path(const Key& key) const { return (scratch.path() / key.path()).string(); }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a blob, its link and every folder above them are on disk before commit succeeds") {
  const Digest digest = sha256("hello");
  Upload upload = upload_of(app, "hello");
  std::size_t renames = 0;
  watch.disk.before_rename = [&](const std::string& from, const std::string& to) {
    ++renames;
    // Nothing gets its final name before its bytes are on disk, and no link before its blob is.
    CHECK_MESSAGE(watch.disk.holds((std::filesystem::path(to).parent_path()).string()), to);
    if (to == path(Layout::layer_link(app.name(), digest))) {
      CHECK(watch.disk.holds(path(Layout::blob_data(digest))));
      CHECK(watch.disk.holds(from.substr(0, from.rfind('/'))));
    }
  };
  REQUIRE(upload.commit(digest).ok());
  CHECK(renames == 2);
  CHECK(watch.disk.holds(path(Layout::blob_data(digest))));
  CHECK(watch.disk.holds(path(Layout::layer_link(app.name(), digest))));
}

TEST_CASE_FIXTURE(Fixture, "the bytes of a file are on disk before it gets its name") {
  Disk& disk = watch.disk;
  std::size_t renames = 0;
  disk.before_rename = [&](const std::string& from, const std::string&) {
    ++renames;
    Disk only_bytes = disk;
    only_bytes.synced(std::string(parent_of(from)));  // its temporary name need not survive
    for (std::string_view up = parent_of(from); !up.empty(); up = parent_of(up)) only_bytes.synced(std::string(up));
    CHECK_MESSAGE(only_bytes.holds(from), from);
  };
  REQUIRE(upload_of(app, "hello").commit(sha256("hello")).ok());
  REQUIRE(app.put_manifest(sha256("{}"), "{}", {}, {tag("v1")}).ok());
  CHECK(renames == 6);  // blob, its link; manifest, its revision, the tag's index and current
}

TEST_CASE_FIXTURE(Fixture,
                  "a folder that another process made but did not sync yet is synced by whoever relies on it") {
  const Digest digest = sha256("hello");
  // As if the other process stood just between its mkdir and its fsync.
  std::filesystem::path folder = scratch.path();
  for (const char* part : {"docker", "registry", "v2", "blobs", "sha256"}) {
    folder /= part;
    std::filesystem::create_directory(folder);
    watch.disk.made(folder.string());
  }
  REQUIRE(upload_of(app, "hello").commit(digest).ok());
  CHECK(watch.disk.holds(path(Layout::blob_data(digest))));
}

TEST_CASE_FIXTURE(Fixture, "where a sandbox forbids to ask for handles, folders are made and on disk all the same") {
  watch.disk.handles_forbidden = true;
  const Digest digest = sha256("hello");
  REQUIRE(upload_of(app, "hello").commit(digest).ok());
  REQUIRE(app.put_manifest(sha256("{}"), "{}", {}, {tag("v1")}).ok());
  CHECK(watch.disk.holds(path(Layout::blob_data(digest))));
  CHECK(watch.disk.holds(path(Layout::layer_link(app.name(), digest))));
  CHECK(watch.disk.holds(path(Layout::tag_current_link(app.name(), tag("v1")))));
}

TEST_CASE_FIXTURE(Fixture, "a manifest and its tag are on disk before they are acknowledged, content first") {
  const Digest digest = sha256("{}");
  const Key revision = Layout::revision_link(app.name(), digest);
  const Key current = Layout::tag_current_link(app.name(), tag("v1"));
  watch.disk.before_rename = [&](const std::string&, const std::string& to) {
    if (to != path(Layout::blob_data(digest))) CHECK(watch.disk.holds(path(Layout::blob_data(digest))));
    if (to == path(current)) CHECK(watch.disk.holds(path(revision)));
  };
  REQUIRE(app.put_manifest(digest, "{}", {}, {tag("v1")}).ok());
  CHECK(watch.disk.holds(path(Layout::blob_data(digest))));
  CHECK(watch.disk.holds(path(revision)));
  CHECK(watch.disk.holds(path(current)));
}

TEST_CASE_FIXTURE(Fixture, "a folder that another process removed and made anew is synced again") {
  const Digest digest = sha256("{}");
  const Key current = Layout::tag_current_link(app.name(), tag("v1"));
  const std::filesystem::path folder = scratch.path() / Layout::tag(app.name(), tag("v1")).path();
  // As if the other process had deleted the tag, pushed it again, and stood before its fsync.
  const auto make_anew = [&] {
    std::filesystem::remove_all(folder);
    for (const std::filesystem::path& part : {folder, folder / "current"}) {
      std::filesystem::create_directory(part);
      watch.disk.made(part.string());
    }
  };
  REQUIRE(app.put_manifest(digest, "{}", {}, {tag("v1")}).ok());
  make_anew();
  REQUIRE(app.put_manifest(digest, "{}", {}, {tag("v1")}).ok());
  CHECK(watch.disk.holds(path(current)));

  // The same in the very moment before the rename: what was written beside the place is gone with its folder.
  bool done = false;
  watch.disk.before_rename = [&](const std::string&, const std::string& to) {
    if (to == path(current) && !std::exchange(done, true)) make_anew();
  };
  REQUIRE(app.put_manifest(digest, "{}", {}, {tag("v1")}).ok());
  CHECK(done);
  CHECK(watch.disk.holds(path(current)));
  CHECK(app.tagged(tag("v1")).value() == digest);
}

TEST_CASE_FIXTURE(Fixture, "a full disk refuses the bytes, and the upload goes on from where it was") {
  Upload upload = upload_of(app, "hel");
  watch.disk.room = 1;
  CHECK(upload.append(text::bytes_of("lo")).error().code == ErrorCode::NoSpace);
  CHECK(upload.size() == 3);
  CHECK(app.upload_size(upload.id()).value() == 3);
  watch.disk.room = -1;
  REQUIRE(upload.append(text::bytes_of("lo")).ok());
  CHECK(upload.commit(sha256("hello")).ok());
}

TEST_CASE_FIXTURE(Fixture, "a disk that is full at the link leaves no link, and a later push succeeds") {
  Upload upload = upload_of(app, "hello");
  watch.disk.room = 0;
  CHECK(upload.commit(sha256("hello")).error().code == ErrorCode::NoSpace);
  CHECK(app.blob_size(sha256("hello")).error().code == ErrorCode::NotFound);
  watch.disk.room = -1;
  CHECK(upload_of(app, "hello").commit(sha256("hello")).ok());
  CHECK(app.blob_size(sha256("hello")).ok());
}

TEST_CASE_FIXTURE(Fixture, "an upload whose sync fails is gone: nobody can say which of its bytes are left") {
  Upload upload = upload_of(app, "hello");
  const UploadId id = upload.id();
  watch.disk.sync_error = EIO;
  CHECK(upload.commit(sha256("hello")).error().code == ErrorCode::Io);
  watch.disk.sync_error = 0;
  CHECK_FALSE(upload.commit(sha256("hello")).ok());
  CHECK_FALSE(upload.append(text::bytes_of("x")).ok());
  CHECK(app.upload_size(id).error().code == ErrorCode::NotFound);
  CHECK(app.blob_size(sha256("hello")).error().code == ErrorCode::NotFound);
}

TEST_CASE_FIXTURE(Fixture, "at most 64 MiB of an upload are unsynced") {
  auto upload = app.begin_upload(Algorithm::Sha256);
  const std::string data = path(Layout::upload_data(app.name(), upload.value().id()));
  const std::vector<std::byte> block(16U << 20);
  for (int i = 0; i < 3; ++i) REQUIRE(upload.value().append(block).ok());
  CHECK_FALSE(watch.disk.holds(data));
  REQUIRE(upload.value().append(block).ok());
  // Its folders may still be lost, its bytes not.
  Disk folders_synced = watch.disk;
  for (std::string_view up = parent_of(data); !up.empty(); up = parent_of(up)) folders_synced.synced(std::string(up));
  CHECK(folders_synced.holds(data));
}

TEST_CASE_FIXTURE(Fixture, "a failing sync on the way ends the upload") {
  auto upload = app.begin_upload(Algorithm::Sha256);
  watch.disk.sync_error = EIO;
  const std::vector<std::byte> block(64U << 20);
  CHECK(upload.value().append(block).error().code == ErrorCode::Io);
  CHECK_FALSE(upload.value().append(text::bytes_of("x")).ok());
}

TEST_CASE_FIXTURE(Fixture, "a manifest whose sync fails is not acknowledged, and its tag stays what it was") {
  REQUIRE(app.put_manifest(sha256("{}"), "{}", {}, {tag("v1")}).ok());
  watch.disk.sync_error = EIO;
  CHECK(app.put_manifest(sha256("{ }"), "{ }", {}, {tag("v1")}).error().code == ErrorCode::Io);
  watch.disk.sync_error = 0;
  CHECK(app.tagged(tag("v1")).value() == sha256("{}"));
  CHECK(app.manifest(sha256("{ }")).error().code == ErrorCode::NotFound);
}
