// Memory that several processes have in common, each with a descriptor of it.
//
// Ownership: a mapping lives as long as its SharedMemory; the memory itself as long as a mapping or descriptor of it.
// Threading: the bytes are whoever's who uses them; the classes are for one thread.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/handle.h"
#include "base/result.h"

namespace caisson {

class SharedMemory {
 public:
  // Of this process alone, and zeroed. Throws std::bad_alloc.
  static std::shared_ptr<SharedMemory> alone(std::size_t bytes);
  // All of the file.
  static Result<std::shared_ptr<SharedMemory>> map(const Fd& file);
  ~SharedMemory();
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  std::byte* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }

 private:
  SharedMemory(std::byte* data, std::size_t size) : data_(data), size_(size) {}
  std::byte* const data_;
  const std::size_t size_;
};

// The memories that a process can share, by name.
class SharedMemories {
 public:
  struct Wanted {
    std::string name;
    std::size_t bytes = 0;
  };

  // Makes those that are not there yet, zeroed.
  Result<void> make(std::span<const Wanted> wanted);
  void adopt(std::string name, Fd file) { files_.insert_or_assign(std::move(name), std::move(file)); }
  // Lets go of all others.
  void keep_only(std::span<const Wanted> wanted);
  // Of a name that is there; -1: it is not.
  int descriptor(const std::string& name) const;
  // The memory of that name; one of this process alone when there is none of that size.
  std::shared_ptr<SharedMemory> get(const std::string& name, std::size_t bytes) const;

 private:
  std::map<std::string, Fd> files_;
};

}  // namespace caisson
