// Where configuration text comes from: the disk, or memory. The master reads through a RecordingSource and hands what
// was read to the worker, which parses the same text again without any right to read the files.
//
// Ownership: a RecordingSource refers to the source below it, which must outlive it. Threading: one thread at a time.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace caisson::config {

class Source {
 public:
  virtual ~Source() = default;
  // The whole file. Errors as of a failed system call: `open() "/x" failed (2: No such file or directory)`.
  virtual Result<std::string> read(const std::string& path) = 0;
  // The paths that match a glob(7) pattern, sorted by byte; none is not an error.
  virtual Result<std::vector<std::string>> glob(const std::string& pattern) = 0;
};

class FileSource final : public Source {
 public:
  Result<std::string> read(const std::string& path) override;
  Result<std::vector<std::string>> glob(const std::string& pattern) override;
};

// Path and text of files, in the order in which they were first read.
using Files = std::vector<std::pair<std::string, std::string>>;

class MemorySource final : public Source {
 public:
  explicit MemorySource(const Files& files) : files_(files.begin(), files.end()) {}
  Result<std::string> read(const std::string& path) override;
  Result<std::vector<std::string>> glob(const std::string& pattern) override;

 private:
  std::map<std::string, std::string> files_;
};

// Passes everything on and remembers each file once. A MemorySource of files() answers the same reads and globs.
class RecordingSource final : public Source {
 public:
  explicit RecordingSource(Source& below) : below_(below) {}
  Result<std::string> read(const std::string& path) override;
  Result<std::vector<std::string>> glob(const std::string& pattern) override { return below_.glob(pattern); }
  const Files& files() const noexcept { return files_; }

 private:
  Source& below_;
  Files files_;
};

}  // namespace caisson::config
