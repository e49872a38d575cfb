#include "observe/log_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace caisson::observe {

namespace {

// Standard output can be what cannot be opened anew: a socket (systemd's journal), another user's terminal or pipe
// (containers). Then the descriptor that is there serves.
int standard_stream(const std::string& path) {
  return path == "/dev/stdout" ? STDOUT_FILENO : path == "/dev/stderr" ? STDERR_FILENO : -1;
}

Fd open_for_appending(const std::string& path) {
  Fd file(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644));
  const int stream = file ? -1 : standard_stream(path);
  if (stream < 0) return file;
  const int why = errno;
  file.reset(::fcntl(stream, F_DUPFD_CLOEXEC, 0));
  if (!file) errno = why;
  return file;
}

Error cannot_open(const std::string& path) { return system_error(errno, "open() \"" + path + '"'); }

}  // namespace

Result<std::shared_ptr<LogFile>> LogFile::open(const std::string& path) {
  Fd file = open_for_appending(path);
  if (!file) return cannot_open(path);
  return std::make_shared<LogFile>(path, std::move(file));
}

std::shared_ptr<LogFile> LogFile::standard_error() { return std::make_shared<LogFile>("", Fd(STDERR_FILENO)); }

LogFile::~LogFile() {
  if (path_.empty()) file_.release();
}

void LogFile::write(std::string_view lines) const noexcept {
  while (!lines.empty()) {
    const ssize_t n = ::write(file_.get(), lines.data(), lines.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    lines.remove_prefix(static_cast<std::size_t>(n));  // a disk that fills up, or a pipe: the rest may still fit
  }
}

Result<void> LogFile::reopen() {
  if (path_.empty()) return {};
  const Fd opened = open_for_appending(path_);
  if (!opened) return cannot_open(path_);
  return replace(opened);
}

Result<void> LogFile::replace(const Fd& opened) {
  const std::lock_guard lock(mutex_);
  for (LineWriter* buffer : buffers_) buffer->flush();
  if (::dup3(opened.get(), file_.get(), O_CLOEXEC) < 0) return system_error(errno, "dup3() \"" + path_ + '"');
  return {};
}

Result<std::shared_ptr<LogFile>> LogFiles::open(const std::string& path) {
  const auto found = files_.find(path);
  if (found != files_.end()) return found->second;
  if (const auto spare = spare_.find(path); spare != spare_.end()) return files_.emplace(*spare).first->second;
  Result<std::shared_ptr<LogFile>> opened = path == "stderr" ? LogFile::standard_error() : LogFile::open(path);
  if (opened.ok()) files_.emplace(path, opened.value());
  return opened;
}

void LogFiles::adopt(const std::string& path, Fd file) {
  files_.insert_or_assign(path, std::make_shared<LogFile>(path, std::move(file)));
}

std::vector<Error> LogFiles::reopen() {
  std::vector<Error> errors;
  for (const auto& [path, file] : files_) {
    if (Result<void> reopened = file->reopen(); !reopened.ok()) errors.push_back(std::move(reopened).error());
  }
  return errors;
}

std::optional<std::chrono::steady_clock::time_point> LogFiles::flush_due(
    std::chrono::steady_clock::time_point now) const {
  std::optional<std::chrono::steady_clock::time_point> next;
  for (const auto& [path, file] : files_) {
    const std::lock_guard lock(file->mutex_);
    for (LineWriter* buffer : file->buffers_) {
      if (buffer->longest_.count() == 0) continue;
      const auto due = buffer->flush_due(now);
      next = next ? std::min(*next, due) : due;
    }
  }
  return next;
}

LineWriter::LineWriter(std::shared_ptr<LogFile> file, std::size_t buffer_size, std::chrono::milliseconds longest)
    : file_(std::move(file)), buffer_size_(buffer_size), longest_(longest) {
  if (buffer_size == 0) return;
  buffer_.reserve(buffer_size);
  const std::lock_guard lock(file_->mutex_);
  file_->buffers_.insert(this);
}

LineWriter::~LineWriter() {
  if (buffer_size_ == 0) return;
  {
    const std::lock_guard lock(file_->mutex_);
    file_->buffers_.erase(this);
  }
  flush();
}

void LineWriter::write(std::string_view line) {
  if (buffer_size_ == 0) {
    std::string whole;
    whole.reserve(line.size() + 1);
    whole += line;
    whole += '\n';
    file_->write(whole);
    return;
  }
  const std::lock_guard lock(mutex_);
  if (buffer_.size() + line.size() + 1 > buffer_size_) {
    file_->write(buffer_);
    buffer_.clear();
  }
  if (buffer_.empty()) waiting_since_ = std::chrono::steady_clock::now();
  buffer_ += line;
  buffer_ += '\n';
  if (buffer_.size() > buffer_size_) {
    file_->write(buffer_);
    buffer_.clear();
  }
}

void LineWriter::flush() {
  const std::lock_guard lock(mutex_);
  file_->write(buffer_);
  buffer_.clear();
}

std::chrono::steady_clock::time_point LineWriter::flush_due(std::chrono::steady_clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (!buffer_.empty() && now - waiting_since_ >= longest_) {
    file_->write(buffer_);
    buffer_.clear();
  }
  return (buffer_.empty() ? now : waiting_since_) + longest_;
}

}  // namespace caisson::observe
