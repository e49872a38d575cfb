// The words of a command's line, one after the other, with options of the forms "--flag", "--flag=true", "--option
// VALUE" and "--option=VALUE".
//
// Ownership: refers to the words. Threading: none of its own.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace caisson::app {

class OptionWords {
 public:
  explicit OptionWords(std::span<const char* const> words) : words_(words) {}

  bool done() const noexcept { return words_.empty(); }
  // REQUIRES: not done().
  std::string_view next() noexcept {
    const std::string_view word = words_.front();
    words_ = words_.subspan(1);
    return word;
  }
  // Whether `word` is that option; then `value` is what follows, "" when nothing does.
  bool is_option(std::string_view word, std::string_view name, std::string& value) {
    if (word == name) {
      value = done() ? std::string_view() : next();
      return true;
    }
    if (!word.starts_with(name) || word.substr(name.size(), 1) != "=") return false;
    value = word.substr(name.size() + 1);
    return true;
  }
  static bool is_flag(std::string_view word, std::string_view name, bool& into) {
    const std::string_view value = word.starts_with(name) ? word.substr(name.size()) : "?";
    if (!value.empty() && value != "=true" && value != "=false") return false;
    into = value != "=false";
    return true;
  }

 private:
  std::span<const char* const> words_;
};

}  // namespace caisson::app
