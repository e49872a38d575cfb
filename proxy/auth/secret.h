// A copy of a password that is wiped when it goes. Standard strings are not: they leave copies behind when they grow,
// move or die.
//
// Ownership: a value; copying copies the secret. Threading: none of its own.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <utility>

namespace caisson::auth {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string_view text);
  Secret(const Secret& other) : Secret(other.view()) {}
  Secret(Secret&& other) noexcept : bytes_(std::move(other.bytes_)), size_(std::exchange(other.size_, 0)) {}
  Secret& operator=(Secret other) noexcept {
    std::swap(bytes_, other.bytes_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~Secret();

  std::string_view view() const noexcept { return {bytes_.get(), size_}; }
  // The same with a NUL behind it, for C functions. They see less when the secret itself holds a NUL.
  const char* c_str() const noexcept { return bytes_ ? bytes_.get() : ""; }

 private:
  std::unique_ptr<char[]> bytes_;  // size_ + 1
  std::size_t size_ = 0;
};

}  // namespace caisson::auth
