#include "registry/face/values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/text.h"
#include "registry/face/keys.h"

namespace caisson::registry::face {
namespace {

// YAML 1.1's words, as registry:2 reads them.
std::optional<bool> parse_flag(std::string_view text) {
  const std::string word = text::lowered(text);
  constexpr std::array yes = {"true", "yes", "on", "y"};
  constexpr std::array no = {"false", "no", "off", "n"};
  if (std::find(yes.begin(), yes.end(), word) != yes.end()) return true;
  if (std::find(no.begin(), no.end(), word) != no.end()) return false;
  return std::nullopt;
}

// Go's time.ParseDuration: "1h30m", "1.5s". In milliseconds; what is shorter than one counts as one.
std::optional<std::uint64_t> parse_duration(std::string_view text) {
  if (text == "0") return 0;
  constexpr std::array<std::pair<std::string_view, double>, 7> units = {
      {{"ns", 1e-6}, {"us", 1e-3}, {"µs", 1e-3}, {"ms", 1}, {"s", 1e3}, {"m", 60e3}, {"h", 3600e3}}};
  if (text.empty()) return std::nullopt;
  double total = 0;
  while (!text.empty()) {
    double number = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, number, std::chars_format::fixed);
    if (error != std::errc() || number < 0 || std::signbit(number)) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(rest - text.data()));
    const std::size_t length = std::min(text.find_first_of("0123456789."), text.size());
    const auto unit =
        std::find_if(units.begin(), units.end(), [&](const auto& u) { return u.first == text.substr(0, length); });
    if (unit == units.end()) return std::nullopt;
    total += number * unit->second;
    text.remove_prefix(length);
  }
  constexpr double longest = 1e15;  // thirty thousand years
  if (total > longest) return std::nullopt;
  return static_cast<std::uint64_t>(std::ceil(total));
}

class Reader {
 public:
  Reader(Values& values, Findings& findings) : values_(values), findings_(findings) {}

  void read(const Node& written, const std::string& path) {
    const Key* const key = path.empty() ? nullptr : find_key(path);
    if (key != nullptr) return read_key(*key, written, path);
    if (!path.empty() && !is_section(path)) return tell_unknown(path, written.at);
    values_.add_section(path, written.at);
    Node node = written;
    expand_shorthand(node, path);
    switch (node.kind) {
      case Node::Kind::Null:
        return;
      case Node::Kind::Map:
        for (const auto& [name, inner] : node.entries) read(inner, below(path, name));
        return;
      case Node::Kind::List: {
        const auto names = names_below(path);
        if (std::find(names.begin(), names.end(), "[]") == names.end()) break;
        for (std::size_t i = 0; i < node.items.size(); ++i) {
          read(node.items[i], path + '[' + std::to_string(i) + ']');
        }
        return;
      }
      case Node::Kind::Scalar:
        if (node.scalar.empty()) return;
        break;
    }
    if (must_be_known(below(path, node.scalar))) return tell_unknown(below(path, node.scalar), node.at);
    fail(node.at, wants(path, "has keys of its own, such as " + example_below(path)));
  }

 private:
  static std::string wants(const std::string& path, std::string_view what) {
    return path.empty() ? "the whole is no map of keys" : '"' + path + "\" " + std::string(what);
  }
  static std::string example_below(const std::string& path) {
    const auto names = names_below(path);
    return names.empty() ? "" : '"' + std::string(names.front()) + '"';
  }

  static bool says_nothing(const Node& node) {
    const auto empty = [](const Node& inner) { return says_nothing(inner); };
    switch (node.kind) {
      case Node::Kind::Scalar:
        return node.scalar.empty();
      case Node::Kind::List:
        return std::all_of(node.items.begin(), node.items.end(), empty);
      case Node::Kind::Map:
        return std::all_of(node.entries.begin(), node.entries.end(), [&](const auto& e) { return empty(e.second); });
      default:
        return true;
    }
  }

  void read_key(const Key& key, const Node& node, const std::string& path) {
    // The name alone of a storage driver or of a kind of access control chooses it.
    const bool chooses = path.starts_with("storage.") || path.starts_with("auth.");
    const bool silent = says_nothing(node) && !(chooses && key.use == Use::Refused);
    switch (key.use) {
      case Use::Silent:
        return;
      case Use::Told:
        if (!silent && !is_off(key, node)) {
          findings_.warnings.push_back(config::error_at(node.at, "\"" + path + "\" has no effect here", key.note).what);
        }
        return;
      case Use::Refused:
        if (!silent) findings_.errors.push_back(refusal(key, path, node.at));
        return;
      case Use::Taken:
        break;
    }
    if (silent) return;
    if (key.kind == Kind::Texts) return read_texts(node, path);
    if (node.kind != Node::Kind::Scalar) return fail(node.at, '"' + path + "\" is one value");
    if (auto word = read_word(key.kind, node.scalar, path, node.at)) values_.add(path, {{std::move(*word)}, node.at});
  }

  static bool is_off(const Key& key, const Node& node) {
    return key.kind == Kind::Flag && parse_flag(node.scalar) == false;
  }

  static Error refusal(const Key& key, const std::string& path, const config::SourcePos& at) {
    return config::error_at(at, '"' + path + "\" is not supported", key.note);
  }

  void read_texts(const Node& node, const std::string& path) {
    Value value{{}, node.at};
    if (node.kind == Node::Kind::Scalar) value.words.push_back(node.scalar);
    if (node.kind == Node::Kind::Map) return fail(node.at, '"' + path + "\" is a list");
    for (const Node& item : node.items) {
      if (item.kind != Node::Kind::Scalar) return fail(item.at, '"' + path + "\" is a list of single values");
      value.words.push_back(item.scalar);
    }
    values_.add(path, std::move(value));
  }

  std::optional<std::string> read_word(Kind kind, const std::string& text, const std::string& path,
                                       const config::SourcePos& at) {
    const auto wrong = [&](std::string_view wanted) {
      fail(at, '"' + path + "\" is " + std::string(wanted) + ", not \"" + text + '"');
      return std::nullopt;
    };
    switch (kind) {
      case Kind::Flag: {
        const auto flag = parse_flag(text);
        if (!flag) return wrong("true or false");
        return *flag ? "on" : "off";
      }
      case Kind::Number: {
        const auto number = text::to_number(text);
        if (!number) return wrong("a number");
        return std::to_string(*number);
      }
      case Kind::Duration: {
        const auto milliseconds = parse_duration(text);
        if (!milliseconds) return wrong("a time with its unit, such as 10s or 1h30m");
        return std::to_string(*milliseconds) + "ms";
      }
      default:
        return text;
    }
  }

  void tell_unknown(const std::string& path, const config::SourcePos& at) {
    const std::string_view near = nearest_key(path);
    const std::string hint = near.empty() ? "" : "did you mean \"" + std::string(near) + "\"?";
    if (must_be_known(path) && path.find('.') == path.rfind('.')) {
      findings_.errors.push_back(config::error_at(at, "unknown key \"" + path + '"', hint));
      return;
    }
    findings_.warnings.push_back(config::error_at(at, "unknown key \"" + path + "\", ignored", hint).what);
  }

  void fail(const config::SourcePos& at, std::string_view what) {
    findings_.errors.push_back(config::error_at(at, what));
  }

  Values& values_;
  Findings& findings_;
};

}  // namespace

const Value* Values::find(const std::string& path) const {
  const auto found = values_.find(path);
  return found == values_.end() ? nullptr : &found->second;
}

bool Values::on(const std::string& path) const {
  const Value* const value = find(path);
  return value != nullptr && value->word() == "on";
}

std::vector<std::pair<std::string, const Value*>> Values::below(std::string_view section) const {
  const std::string start = std::string(section) + '.';
  std::vector<std::pair<std::string, const Value*>> found;
  for (auto at = values_.lower_bound(start); at != values_.end() && at->first.starts_with(start); ++at) {
    found.emplace_back(at->first.substr(start.size()), &at->second);
  }
  return found;
}

std::size_t Values::items(const std::string& list) const {
  std::size_t count = 0;
  while (section(list + '[' + std::to_string(count) + ']')) ++count;
  return count;
}

std::optional<config::SourcePos> Values::section(const std::string& path) const {
  const auto found = sections_.find(path);
  if (found == sections_.end()) return std::nullopt;
  return found->second;
}

Values read_values(const Node& root, Findings& findings) {
  Values values;
  Reader(values, findings).read(root, "");
  return values;
}

}  // namespace caisson::registry::face
