#include "registry/notify/disk_queue.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <optional>

#include "base/text.h"
#include "registry/notify/event.h"

namespace caisson::registry::notify {
namespace {

namespace fs = std::filesystem;

constexpr const char* lock_name = "/lock";
constexpr const char* delivered_name = "/delivered";

// Both numbers in one write, so that a kill leaves the old or the new.
struct Position {
  std::uint64_t segment = 0;
  std::uint64_t offset = 0;
};

Result<Fd> lock_file(const std::string& path, int flags) {
  Fd file(::open(path.c_str(), O_RDWR | O_CLOEXEC | flags, 0666));
  if (!file || ::flock(file.get(), LOCK_EX | LOCK_NB) != 0) return system_error(errno, "lock \"" + path + '"');
  return file;
}

// Whether the locked file is still the one under that name: its owner may have removed it just before.
bool is_still(const Fd& file, const std::string& path) {
  struct stat held {};
  struct stat named {};
  return ::fstat(file.get(), &held) == 0 && ::stat(path.c_str(), &named) == 0 && held.st_ino == named.st_ino &&
         held.st_dev == named.st_dev;
}

bool write_all(int file, std::string_view bytes, std::uint64_t at) {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
    at += static_cast<std::uint64_t>(written);
  }
  return true;
}

std::optional<std::string> read_at(int file, std::uint64_t at, std::size_t size) {
  std::string bytes(size, '\0');
  std::size_t got = 0;
  while (got < size) {
    const ssize_t n = ::pread(file, bytes.data() + got, size - got, static_cast<off_t>(at + got));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return std::nullopt;
    got += static_cast<std::size_t>(n);
  }
  return bytes;
}

void remove_folder(const std::string& folder) {
  std::error_code ignored;
  fs::remove_all(folder, ignored);
}

}  // namespace

Result<std::unique_ptr<DiskQueue>> DiskQueue::create(const std::string& folder, Limits limits) {
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed) return system_error(failed.value(), "mkdir \"" + folder + '"');
  // Under another name until it is locked: a folder without a lock is a dead process's.
  const std::string id = new_uuid();
  const std::string made = folder + "/.new-" + id;
  if (::mkdir(made.c_str(), 0777) != 0) return system_error(errno, "mkdir \"" + made + '"');
  auto lock = lock_file(made + lock_name, O_CREAT);
  std::string final_path = folder + '/' + id;
  if (!lock.ok() || ::rename(made.c_str(), final_path.c_str()) != 0) {
    Error error = lock.ok() ? system_error(errno, "rename \"" + made + '"') : std::move(lock).error();
    remove_folder(made);
    return error;
  }
  return std::unique_ptr<DiskQueue>(new DiskQueue(std::move(final_path), std::move(lock).value(), limits));
}

std::vector<std::unique_ptr<DiskQueue>> DiskQueue::inherit(const std::string& folder, Limits limits) {
  std::vector<std::unique_ptr<DiskQueue>> queues;
  std::error_code failed;
  for (fs::directory_iterator at(folder, failed), end; !failed && at != end; at.increment(failed)) {
    const std::string path = at->path().string();
    if (at->path().filename().string().starts_with('.')) continue;
    auto lock = lock_file(path + lock_name, 0);
    if (!lock.ok() || !is_still(lock.value(), path + lock_name)) continue;
    std::unique_ptr<DiskQueue> queue(new DiskQueue(path, std::move(lock).value(), limits));
    queue->load();
    if (queue->pending() > 0) queues.push_back(std::move(queue));
  }
  return queues;
}

DiskQueue::~DiskQueue() {
  if (pending() == 0) remove_folder(folder_);
}

std::string DiskQueue::path_of(std::uint64_t segment) const {
  std::array<char, 24> name{};
  std::snprintf(name.data(), name.size(), "/%010llu", static_cast<unsigned long long>(segment));
  return folder_ + name.data();
}

bool DiskQueue::open_segment() {
  Segment segment{next_segment_, Fd(::open(path_of(next_segment_).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666))};
  if (!segment.file) return false;
  ++next_segment_;
  segments_.push_back(std::move(segment));
  return true;
}

bool DiskQueue::append(std::string_view event) {
  std::string line(event);
  line += '\n';
  const std::lock_guard lock(mutex_);
  const bool room = !segments_.empty() && segments_.back().size < limits_.segment;
  if (!room && !open_segment()) {
    dropped_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  Segment& segment = segments_.back();
  // When the disk is full: what was written of the line has no end, so it does not count, and the next one overwrites
  // it.
  if (!write_all(segment.file.get(), line, segment.size)) {
    dropped_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  segment.size += line.size();
  segment.lengths.push_back(static_cast<std::uint32_t>(line.size()));
  bytes_ += line.size();
  pending_.fetch_add(1, std::memory_order_relaxed);
  while (bytes_ > limits_.bytes && segments_.size() > 1) drop_front_segment();
  return true;
}

std::optional<Queue::Front> DiskQueue::front() {
  const std::lock_guard lock(mutex_);
  trim();
  while (!segments_.empty() && !segments_.front().lengths.empty()) {
    const Segment& segment = segments_.front();
    auto line = read_at(segment.file.get(), segment.delivered, segment.lengths.front());
    if (line) {
      line->pop_back();
      return Front{first_, std::move(*line)};
    }
    drop_front_segment();  // the disk has lost it
  }
  return std::nullopt;
}

void DiskQueue::pop(std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  if (number != first_ || segments_.empty() || segments_.front().lengths.empty()) return;
  Segment& segment = segments_.front();
  segment.delivered += segment.lengths.front();
  segment.lengths.pop_front();
  ++first_;
  pending_.fetch_sub(1, std::memory_order_relaxed);
  note_delivered();
  trim();
}

// Files that are delivered whole go, but for the one that is written to.
void DiskQueue::trim() {
  while (segments_.size() > 1 && segments_.front().lengths.empty()) drop_front_segment();
}

void DiskQueue::drop_front_segment() {
  const Segment& segment = segments_.front();
  const std::uint64_t lost = segment.lengths.size();
  first_ += lost;
  pending_.fetch_sub(lost, std::memory_order_relaxed);
  dropped_.fetch_add(lost, std::memory_order_relaxed);
  bytes_ -= segment.size;
  ::unlink(path_of(segment.number).c_str());
  segments_.pop_front();
}

void DiskQueue::note_delivered() {
  if (!delivered_) {
    delivered_ = Fd(::open((folder_ + delivered_name).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
  }
  const Position position{segments_.front().number, segments_.front().delivered};
  // When it fails, the next process delivers some events a second time.
  if (delivered_) {
    static_cast<void>(write_all(delivered_.get(), {reinterpret_cast<const char*>(&position), sizeof position}, 0));
  }
}

void DiskQueue::load() {
  std::vector<std::uint64_t> numbers;
  std::error_code failed;
  for (fs::directory_iterator at(folder_, failed), end; !failed && at != end; at.increment(failed)) {
    if (const auto number = text::to_number(at->path().filename().string())) numbers.push_back(*number);
  }
  std::sort(numbers.begin(), numbers.end());
  Position position;
  if (const Fd file(::open((folder_ + delivered_name).c_str(), O_RDONLY | O_CLOEXEC)); file) {
    if (const auto bytes = read_at(file.get(), 0, sizeof position)) {
      std::copy(bytes->begin(), bytes->end(), reinterpret_cast<char*>(&position));
    }
  }
  for (const std::uint64_t number : numbers) load_segment(number, number == position.segment ? position.offset : 0);
  trim();
}

void DiskQueue::load_segment(std::uint64_t number, std::uint64_t delivered) {
  Segment segment{number, Fd(::open(path_of(number).c_str(), O_RDWR | O_CLOEXEC))};
  struct stat found {};
  if (!segment.file || ::fstat(segment.file.get(), &found) != 0) return;
  segment.size = static_cast<std::uint64_t>(found.st_size);
  if (segment.size > 2 * limits_.bytes || delivered > segment.size) return;  // none of ours
  const auto rest = read_at(segment.file.get(), delivered, static_cast<std::size_t>(segment.size - delivered));
  if (!rest) return;
  segment.delivered = delivered;
  // A line without an end was being written when the process was killed: nobody was told that it happened.
  std::size_t begin = 0;
  for (std::size_t end = rest->find('\n'); end != std::string::npos; end = rest->find('\n', begin)) {
    segment.lengths.push_back(static_cast<std::uint32_t>(end + 1 - begin));
    begin = end + 1;
  }
  pending_.fetch_add(segment.lengths.size(), std::memory_order_relaxed);
  bytes_ += segment.size;
  next_segment_ = number + 1;
  segments_.push_back(std::move(segment));
}

}  // namespace caisson::registry::notify
