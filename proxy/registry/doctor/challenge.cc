#include "registry/doctor/challenge.h"

#include "base/text.h"

namespace caisson::registry::doctor {
namespace {

bool is_token_char(char c) noexcept {
  const char l = text::lower(c);
  return (l >= 'a' && l <= 'z') || text::is_digit(c) ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

class Reader {
 public:
  explicit Reader(std::string_view left) : left_(left) {}

  bool at_end() const noexcept { return left_.empty(); }
  void skip_blanks() { left_.remove_prefix(std::min(left_.find_first_not_of(" \t"), left_.size())); }
  void skip_separators() { left_.remove_prefix(std::min(left_.find_first_not_of(" \t,"), left_.size())); }

  std::string token() {
    std::size_t length = 0;
    while (length < left_.size() && is_token_char(left_[length])) ++length;
    return take(length);
  }
  // What is behind a name's "=": a token or a quoted string.
  std::optional<std::string> value() {
    skip_blanks();
    if (!left_.starts_with('"')) return token();
    std::string text;
    for (std::size_t i = 1; i < left_.size(); ++i) {
      if (left_[i] == '"') {
        left_.remove_prefix(i + 1);
        return text;
      }
      if (left_[i] == '\\' && i + 1 < left_.size()) ++i;
      text += left_[i];
    }
    return std::nullopt;
  }
  // Whether a name and its "=" are next; else nothing is taken.
  std::optional<std::string> name_of_parameter() {
    const std::string_view before = left_;
    std::string name = token();
    skip_blanks();
    if (!name.empty() && left_.starts_with('=')) {
      left_.remove_prefix(1);
      return name;
    }
    left_ = before;
    return std::nullopt;
  }

 private:
  std::string take(std::size_t length) {
    std::string taken(left_.substr(0, length));
    left_.remove_prefix(length);
    return taken;
  }

  std::string_view left_;
};

}  // namespace

std::string_view Challenge::find(std::string_view name) const noexcept {
  for (const auto& [key, value] : parameters) {
    if (key == name) return value;
  }
  return {};
}

std::vector<Challenge> parse_challenges(std::string_view value) {
  std::vector<Challenge> all;
  Reader reader(value);
  for (reader.skip_separators(); !reader.at_end(); reader.skip_separators()) {
    Challenge challenge{text::lowered(reader.token()), {}};
    if (challenge.scheme.empty()) break;
    reader.skip_separators();
    while (const auto name = reader.name_of_parameter()) {
      auto parameter = reader.value();
      if (!parameter) return all;
      challenge.parameters.emplace_back(text::lowered(*name), std::move(*parameter));
      reader.skip_separators();
    }
    all.push_back(std::move(challenge));
  }
  return all;
}

}  // namespace caisson::registry::doctor
