#include "config/source.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <glob.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/handle.h"

namespace caisson::config {

Result<std::string> FileSource::read(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return system_error(errno, "open() \"" + path + '"');
  std::string text;
  std::array<char, 16 * 1024> block;
  for (;;) {
    const ssize_t n = ::read(file.get(), block.data(), block.size());
    if (n == 0) return text;
    if (n > 0) {
      text.append(block.data(), static_cast<std::size_t>(n));
    } else if (errno != EINTR) {
      return system_error(errno, "read() \"" + path + '"');
    }
  }
}

Result<std::vector<std::string>> FileSource::glob(const std::string& pattern) {
  glob_t found{};
  errno = 0;
  const int status = ::glob(pattern.c_str(), 0, nullptr, &found);
  if (status != 0 && status != GLOB_NOMATCH) return system_error(errno, "glob() \"" + pattern + '"');
  std::vector<std::string> paths;
  if (status == 0) paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  ::globfree(&found);
  std::sort(paths.begin(), paths.end());  // glob(3) sorts by the locale
  return paths;
}

Result<std::string> MemorySource::read(const std::string& path) {
  const auto found = files_.find(path);
  if (found == files_.end()) return system_error(ENOENT, "open() \"" + path + '"');
  return found->second;
}

Result<std::vector<std::string>> MemorySource::glob(const std::string& pattern) {
  std::vector<std::string> paths;
  for (const auto& [path, text] : files_) {
    if (::fnmatch(pattern.c_str(), path.c_str(), FNM_PATHNAME | FNM_PERIOD) == 0) paths.push_back(path);
  }
  return paths;
}

Result<std::string> RecordingSource::read(const std::string& path) {
  Result<std::string> text = below_.read(path);
  const auto same = [&](const auto& file) { return file.first == path; };
  if (text.ok() && std::none_of(files_.begin(), files_.end(), same)) files_.emplace_back(path, text.value());
  return text;
}

}  // namespace caisson::config
