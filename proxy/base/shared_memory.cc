#include "base/shared_memory.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <new>

namespace caisson {

std::shared_ptr<SharedMemory> SharedMemory::alone(std::size_t bytes) {
  void* const data = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED) throw std::bad_alloc();
  return std::shared_ptr<SharedMemory>(new SharedMemory(static_cast<std::byte*>(data), bytes));
}

Result<std::shared_ptr<SharedMemory>> SharedMemory::map(const Fd& file) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return system_error(errno, "fstat() of shared memory");
  const auto bytes = static_cast<std::size_t>(status.st_size);
  void* const data = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (data == MAP_FAILED) return system_error(errno, "mmap() of shared memory");
  return std::shared_ptr<SharedMemory>(new SharedMemory(static_cast<std::byte*>(data), bytes));
}

SharedMemory::~SharedMemory() { ::munmap(data_, size_); }

Result<void> SharedMemories::make(std::span<const Wanted> wanted) {
  for (const Wanted& one : wanted) {
    if (files_.contains(one.name)) continue;
    Fd file(::memfd_create("zone", MFD_CLOEXEC));
    if (!file) return system_error(errno, "memfd_create()");
    if (::ftruncate(file.get(), static_cast<off_t>(one.bytes)) != 0) return system_error(errno, "ftruncate()");
    files_.emplace(one.name, std::move(file));
  }
  return {};
}

void SharedMemories::keep_only(std::span<const Wanted> wanted) {
  std::erase_if(files_, [&](const auto& file) {
    return std::none_of(wanted.begin(), wanted.end(), [&](const Wanted& one) { return one.name == file.first; });
  });
}

int SharedMemories::descriptor(const std::string& name) const {
  const auto found = files_.find(name);
  return found == files_.end() ? -1 : found->second.get();
}

std::shared_ptr<SharedMemory> SharedMemories::get(const std::string& name, std::size_t bytes) const {
  if (const auto found = files_.find(name); found != files_.end()) {
    auto mapped = SharedMemory::map(found->second);
    if (mapped.ok() && mapped.value()->size() >= bytes) return std::move(mapped).value();
  }
  return SharedMemory::alone(bytes);
}

}  // namespace caisson
