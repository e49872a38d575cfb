// The keys that count, checked and typed: what config.yml and the variables say, key by key.
//
// Ownership: plain values. Threading: none of its own.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/directive.h"
#include "registry/face/environment.h"
#include "registry/face/node.h"

namespace caisson::registry::face {

struct Value {
  // One word, but for Kind::Texts: a text as it is, "on" or "off", a number's digits, a duration in milliseconds
  // ("5ms").
  std::vector<std::string> words;
  config::SourcePos at;

  const std::string& word() const { return words.front(); }
};

class Values {
 public:
  void add(std::string path, Value value) { values_.insert_or_assign(std::move(path), std::move(value)); }

  // Null when nothing was said: an empty word says nothing, too.
  const Value* find(const std::string& path) const;
  bool on(const std::string& path) const;
  // Paths and values below a section, its own path taken off: "http.headers" -> {"X-Y", ...}.
  std::vector<std::pair<std::string, const Value*>> below(std::string_view section) const;
  // How many items of a list say anything: "health.file[0].file" and so on.
  std::size_t items(const std::string& list) const;

  // Where a section stands, if it does.
  std::optional<config::SourcePos> section(const std::string& path) const;
  void add_section(std::string path, config::SourcePos at) { sections_.insert_or_assign(std::move(path), at); }

 private:
  std::map<std::string, Value> values_;
  std::map<std::string, config::SourcePos> sections_;
};

// Reads the whole tree by the table of keys. What cannot be taken is among the findings.
Values read_values(const Node& root, Findings& findings);

}  // namespace caisson::registry::face
