// A configuration loaded into a language of the test's own: of the modules that it names, with the blocks that others
// bring in earnest around their directives.
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "config/parser.h"
#include "config/source.h"
#include "rules/loader.h"

namespace rules_test {

using namespace caisson;

template <rules::Block Kind>
Result<void> read_block(rules::Loader& loader, const config::Directive& directive) {
  loader.read_block(directive, Kind);
  return {};
}

inline constexpr rules::DirectiveSpec blocks[] = {
    {"http", rules::Main, 0, 0, rules::DirectiveSpec::Body::Required, &read_block<rules::Http>},
    {"server", rules::Http, 0, 0, rules::DirectiveSpec::Body::Required, &read_block<rules::Server>},
    {"upstream", rules::Http, 1, 1, rules::DirectiveSpec::Body::Required, &read_block<rules::Upstream>},
    {"location", rules::Server, 1, 1, rules::DirectiveSpec::Body::Required, &read_block<rules::Location>},
    {"limit_except", rules::Location, 1, 9, rules::DirectiveSpec::Body::Required, &read_block<rules::LimitExcept>},
    {"if", rules::Location, 1, 9, rules::DirectiveSpec::Body::Required, &read_block<rules::IfInLocation>},
};

struct Around {
  rules::Services services{};
  config::Files files{};  // beside the configuration, which is /etc/test.conf
  std::string prefix = "/";
};

struct Loaded {
  // `http_text` is the inside of the http block, from line 2 on.
  Loaded(const std::vector<void (*)(rules::Language&)>& modules, const std::string& http_text, Around around = {})
      : source(with(std::move(around.files), {"/etc/test.conf", "http {\n" + http_text + "\n}\n"})) {
    language.add_directives(blocks);
    for (auto* const describe : modules) describe(language);
    rules::Loader loader(language, source, {std::move(around.prefix), "/etc/", "stderr"}, around.services);
    auto loaded = loader.load(config::parse(source, "/etc/test.conf"));
    for (const Error& error : loaded.errors) errors += error.what + '\n';
    settings = std::move(loaded.settings);
  }

  const rules::Level& http() const {
    REQUIRE_MESSAGE(settings != nullptr, errors);
    return *settings->root.inner().at(0);
  }

  config::MemorySource source;
  rules::Language language;
  std::string errors;                         // one a line
  std::unique_ptr<rules::Settings> settings;  // null: there were errors

 private:
  static config::Files with(config::Files files, std::pair<std::string, std::string> one) {
    files.push_back(std::move(one));
    return files;
  }
};

}  // namespace rules_test
