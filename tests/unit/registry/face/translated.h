// What registry:2's config.yml and variables become, as text that tests can look at.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/source.h"
#include "registry/face/translate.h"

namespace caisson::face_test {

using registry::face::Call;
using registry::face::translate;

// Directives as somebody would write them, one a line; blocks flat, as "upstream registry { ".
inline void print(const std::vector<config::Directive>& directives, const std::string& around, std::string& text) {
  for (const config::Directive& d : directives) {
    std::string line = around + d.name;
    for (const std::string& arg : d.args) line += ' ' + arg;
    if (d.has_block) {
      text += line + " {}\n";
      print(d.block, line + " { ", text);
    } else {
      text += line + ";\n";
    }
  }
}

struct Translated {
  std::string text;
  std::string errors;  // one a line
  std::string warnings;
  config::Parsed parsed;

  bool has(std::string_view part) const { return text.find(part) != std::string::npos; }
};

inline Translated translated(std::string yaml, std::vector<std::string> environment = {}, config::Files files = {},
                             bool ipv6 = true) {
  Call call;
  call.environment = std::move(environment);
  call.ipv6 = ipv6;
  if (!yaml.empty()) {
    call.config = "/etc/config.yml";
    files.emplace_back(call.config, std::move(yaml));
  }
  config::MemorySource source(files);
  Translated made;
  made.parsed = translate(call, source);
  print(made.parsed.directives, "", made.text);
  for (const Error& error : made.parsed.errors) made.errors += error.what + '\n';
  for (const std::string& warning : made.parsed.warnings) made.warnings += warning + '\n';
  return made;
}

inline Translated by_variables(std::vector<std::string> environment) { return translated("", std::move(environment)); }

// A file in order but for what is added.
inline std::string with(const std::string& more) {
  return "version: 0.1\nstorage: {filesystem: {rootdirectory: /data}}\n" + more;
}

inline const std::string server = "http { server { ";
inline const std::string upstream = "http { upstream registry { ";

}  // namespace caisson::face_test
