// Header fields in the order in which they came, names compared without case (RFC 9110 section 5.1).
//
// Ownership: owns its text. Threading: a value, none of its own. Errors: none; the codec has validated what a peer
// sent, and whoever sets a field gives it a value without CR, LF or NUL.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace caisson::http {

struct HeaderField {
  std::string name;
  std::string value;
};

class Headers {
 public:
  Headers() = default;
  Headers(std::initializer_list<HeaderField> fields) : fields_(fields) {}

  // The first field of that name, or null.
  const std::string* find(std::string_view name) const noexcept;
  bool has(std::string_view name) const noexcept { return find(name) != nullptr; }
  // How many fields of that name there are.
  std::size_t count(std::string_view name) const noexcept;
  // All values of that name, joined by ", " (RFC 9110 section 5.2); nothing when there is no such field.
  std::optional<std::string> joined(std::string_view name) const;
  // Whether one element of the comma-separated list under that name is `token`, without case: "Connection: close".
  bool lists(std::string_view name, std::string_view token) const noexcept;

  void add(std::string name, std::string value);
  // Replaces all fields of that name by one.
  void set(std::string_view name, std::string value);
  void remove(std::string_view name);

  std::size_t size() const noexcept { return fields_.size(); }
  bool empty() const noexcept { return fields_.empty(); }
  auto begin() const noexcept { return fields_.begin(); }
  auto end() const noexcept { return fields_.end(); }

 private:
  std::vector<HeaderField> fields_;
};

}  // namespace caisson::http
