#include "gateway/files/disk.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/text.h"
#include "rules/loader.h"

namespace caisson::gateway {

namespace {

constexpr std::size_t slice = 64 * 1024;

FileFacts facts_of(const struct stat& info) {
  FileFacts facts;
  facts.kind = S_ISREG(info.st_mode)   ? FileFacts::Kind::File
               : S_ISDIR(info.st_mode) ? FileFacts::Kind::Folder
                                       : FileFacts::Kind::Other;
  facts.size = static_cast<std::uint64_t>(info.st_size);
  facts.modified = info.st_mtime;
  facts.executable = (info.st_mode & S_IXUSR) != 0;
  return facts;
}

OpenedFile failed(int error) {
  OpenedFile opened;
  opened.error = error;
  return opened;
}

// O_NONBLOCK: opening a FIFO would wait for its writer.
constexpr int to_read = O_RDONLY | O_NONBLOCK | O_CLOEXEC;

// One step from the folder `at`; a link is followed as far as the rule lets it be. ngx_openat_file_owner
Fd step(int at, const std::string& part, Links links, int flags) {
  Fd next(::openat(at, part.c_str(), flags | O_NOFOLLOW));
  const bool is_link = !next && (errno == ELOOP || errno == ENOTDIR || errno == EMLINK);
  if (!is_link || links == Links::Refuse) {
    if (!next && errno == ENOTDIR) {
      struct stat info {};
      if (::fstatat(at, part.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(info.st_mode)) errno = ELOOP;
    }
    return next;
  }
  struct stat link {};
  struct stat target {};
  if (::fstatat(at, part.c_str(), &link, AT_SYMLINK_NOFOLLOW) != 0) return {};
  next.reset(::openat(at, part.c_str(), flags));
  if (!next || ::fstat(next.get(), &target) != 0) return {};
  if (link.st_uid != target.st_uid) {
    errno = ELOOP;
    return {};
  }
  return next;
}

// Goes to a file folder by folder. errno says why it could not.
Fd open_step_by_step(const FileName& name) {
  constexpr int folder = O_PATH | O_DIRECTORY | O_CLOEXEC;
  const std::string front = name.links_from == 0 ? "/" : name.path.substr(0, name.links_from);
  if (front.size() == name.path.size()) return Fd(::open(front.c_str(), to_read));
  Fd at(::open(front.c_str(), folder));
  std::string_view rest = std::string_view(name.path).substr(front.size());
  while (at && rest.starts_with('/')) rest.remove_prefix(1);
  while (at) {
    const std::size_t slash = rest.find('/');
    const std::string part(rest.substr(0, slash));
    if (slash == std::string_view::npos) return step(at.get(), part.empty() ? "." : part, name.links, to_read);
    rest.remove_prefix(slash + 1);
    if (!part.empty()) at = step(at.get(), part, name.links, folder);
  }
  return {};
}

OpenedFile open_now(const FileName& name) {
  if (leaves_folder(name)) return failed(ENOENT);
  OpenedFile opened;
  opened.fd = name.links == Links::Follow ? Fd(::open(name.path.c_str(), to_read)) : open_step_by_step(name);
  if (!opened.fd) return failed(errno);
  struct stat info {};
  if (::fstat(opened.fd.get(), &info) != 0) return failed(errno);
  opened.facts = facts_of(info);
  return opened;
}

}  // namespace

OpenedFile look_at_file_now(const FileName& name) {
  if (leaves_folder(name)) return failed(ENOENT);
  if (name.links != Links::Follow) {
    OpenedFile opened = open_now(name);
    opened.fd.reset();
    return opened;
  }
  struct stat info {};
  if (::stat(name.path.c_str(), &info) != 0) return failed(errno);
  OpenedFile seen;
  seen.facts = facts_of(info);
  return seen;
}

bool leaves_folder(const FileName& name) {
  if (name.path.find('\0') != std::string::npos) return true;
  // From the last slash of the configured part on: "alias /b/;" and "../x" make a ".." there.
  const std::string_view path = name.path;
  const std::size_t slash = path.substr(0, name.own).rfind('/');
  const std::string_view own_tail = path.substr(slash == std::string_view::npos ? 0 : slash);
  for (const std::string_view part : text::split(own_tail, '/')) {
    if (part == ".." && part.data() + part.size() > path.data() + name.own) return true;
  }
  return false;
}

async::Task<OpenedFile> open_file(async::BlockingPool& pool, FileName name) {
  auto work = [name = std::move(name)] { return open_now(name); };
  co_return co_await pool.run(std::move(work));
}

async::Task<OpenedFile> look_at_file(async::BlockingPool& pool, FileName name) {
  auto work = [name = std::move(name)] { return look_at_file_now(name); };
  co_return co_await pool.run(std::move(work));
}

namespace {

// What the page cache has, without waiting for the disk; as preadv2.
ssize_t read_cached(int fd, std::span<std::byte> into, off_t at) {
  iovec part{into.data(), into.size()};
  return ::preadv2(fd, &part, 1, at, RWF_NOWAIT);
}

}  // namespace

async::Task<std::span<const std::byte>> FileReader::read(std::uint64_t offset, std::uint64_t most) {
  buffer_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(most, slice)));
  const auto at = static_cast<off_t>(offset);
  if (cache_known_) {
    const ssize_t got = read_cached(fd_, buffer_, at);
    if (got >= 0) co_return std::span<const std::byte>(buffer_).first(static_cast<std::size_t>(got));
    if (errno != EAGAIN) cache_known_ = false;  // EOPNOTSUPP: tmpfs, overlay
  }
  auto work = [fd = fd_, into = buffer_.data(), size = buffer_.size(), at] {
    const ssize_t got = ::pread(fd, into, size, at);
    if (got < 0) throw std::system_error(errno, std::generic_category(), "pread()");
    return static_cast<std::size_t>(got);
  };
  const std::size_t got = co_await pool_.run(std::move(work));
  co_return std::span<const std::byte>(buffer_).first(got);
}

namespace {

Result<void> take_pool(rules::Loader& loader, rules::Level& main) {
  main.own<DiskSettings>().pool = loader.services().disk;
  return {};
}

}  // namespace

void describe_disk(rules::Language& language) { language.add_block_end(rules::Main, &take_pool); }

}  // namespace caisson::gateway
