#include "auth/htpasswd.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/text.h"

namespace caisson::auth {
namespace {

// A file that is none (a binary, a log) shall not fill the error log.
constexpr std::size_t most_warnings = 50;

constexpr std::string_view make_a_line = "make the line with: htpasswd -nbB USER PASSWORD";

// For a message: what could end a line or confuse a terminal becomes \xHH.
std::string printable(std::string_view user) {
  std::string out;
  for (const char c : user) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f || c == '"' || c == '\\') {
      const std::byte one{byte};
      out += "\\x" + text::to_hex({&one, 1});
    } else {
      out += c;
    }
  }
  return out;
}

bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }

}  // namespace

Htpasswd Htpasswd::parse(std::string_view text, std::string_view file) {
  Htpasswd made(file);
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff")) {
    made.warn(1, "the file is UTF-16 text, of which no user can be read", "write it again as plain text");
    return made;
  }
  if (text.starts_with("\xef\xbb\xbf")) {
    text.remove_prefix(3);
    made.warn(1, "the file begins with a byte order mark, which nginx takes for a part of the first user's name");
  }
  for (unsigned number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    made.read_line(text.substr(0, end), number);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  if (made.left_out_ > 0)
    made.warnings_.back().message = std::to_string(made.left_out_ + 1) + " more such lines, the last one";
  made.choose_decoy();
  return made;
}

void Htpasswd::read_line(std::string_view line, unsigned number) {
  if (line.empty() || line.front() == '#' || line.front() == '\r') return;
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) {
    if (text::trimmed(line, " \t\r\v\f").empty()) return;
    return warn(number, "no colon between user and hash, nobody can log in with this line", make_a_line);
  }
  const std::string_view user = line.substr(0, colon);
  const std::string_view rest = line.substr(colon + 1);
  const std::size_t end = std::min(rest.find_first_of(":\r"), rest.size());
  const bool has_more = end < rest.size() && rest[end] == ':';
  const std::string named = "user \"" + printable(user) + '"';

  if (user.empty()) return warn(number, "no user before the colon, nobody can log in with this line", make_a_line);
  const auto [entry, is_first] = entries_.try_emplace(std::string(user), Entry{std::nullopt, number});
  if (!is_first) {
    return warn(number,
                named + " has a line already (line " + std::to_string(entry->second.line) + "), this one never counts");
  }
  if (is_blank(user.front()) || is_blank(user.back())) {
    warn(number, "the name of " + named + " begins or ends with a space, which must be typed too");
  }
  Result<StoredHash> hash = StoredHash::parse(rest.substr(0, end));
  if (!hash) return warn(number, named + " cannot log in: " + hash.error().what, make_a_line);
  if (hash.value().is_bare_password() && has_more) {
    return warn(number,
                named +
                    " cannot log in: its password stands in clear and has a colon behind it, "
                    "which is either a part of it or begins a comment",
                make_a_line);
  }
  if (const std::string_view caution = hash.value().caution(); !caution.empty()) {
    warn(number, named + ": " + std::string(caution), make_a_line);
  }
  entry->second.hash = std::move(hash).value();
  ++usable_;
}

void Htpasswd::warn(unsigned line, std::string_view what, std::string_view hint) {
  if (warnings_.size() == most_warnings) {
    warnings_.pop_back();
    ++left_out_;
  }
  warnings_.push_back({{file_, line}, std::string(what), std::string(hint)});
}

void Htpasswd::choose_decoy() {
  std::map<std::string_view, std::pair<std::size_t, const StoredHash*>> classes;
  for (const auto& [user, entry] : entries_) {
    if (!entry.hash) continue;
    auto& [count, example] = classes[entry.hash->cost_class()];
    ++count;
    example = &*entry.hash;
  }
  const auto most = std::max_element(classes.begin(), classes.end(),
                                     [](const auto& a, const auto& b) { return a.second.first < b.second.first; });
  if (most != classes.end()) decoy_ = most->second.second;
}

const StoredHash* Htpasswd::find(std::string_view user) const {
  const auto found = entries_.find(user);
  return found != entries_.end() && found->second.hash ? &*found->second.hash : nullptr;
}

}  // namespace caisson::auth
