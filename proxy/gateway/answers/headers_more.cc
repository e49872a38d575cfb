#include "gateway/answers/headers_more.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/text.h"
#include "rules/loader.h"
#include "rules/phases.h"

namespace caisson::gateway {

using config::Directive;
using rules::DirectiveSpec;
using rules::Loader;
using rules::RequestState;

namespace {

struct Field {
  std::string name;  // to clear: "X-Hidden-*" means all that begin so
  rules::Template value;
};

// One directive: its fields, and when they count.
struct Change {
  std::vector<Field> fields;
  std::vector<unsigned> statuses;  // -s; none: all
  std::vector<std::string> types;  // -t, in lower case; none: all
  bool appends = false;            // -a: beside those that are there
  bool only_if_there = false;      // -r
};

// An inner level's changes run behind those of the levels around it.
struct MoreHeaders {
  std::vector<Change> output;
  std::vector<Change> input;
  void inherit(const MoreHeaders& outer) {
    output.insert(output.begin(), outer.output.begin(), outer.output.end());
    input.insert(input.begin(), outer.input.begin(), outer.input.end());
  }
};

bool has_type(const Change& change, const http::Headers& headers) {
  if (change.types.empty()) return true;
  const std::string* field = headers.find("Content-Type");
  if (field == nullptr) return false;
  const std::string type = text::lowered(text::trimmed(std::string_view(*field).substr(0, field->find(';'))));
  return std::find(change.types.begin(), change.types.end(), type) != change.types.end();
}

void clear(http::Headers& headers, const std::string& name) {
  if (!name.ends_with('*')) return headers.remove(name);
  const std::string_view front = std::string_view(name).substr(0, name.size() - 1);
  http::Headers kept;
  for (const http::HeaderField& field : headers) {
    if (!text::iequals(std::string_view(field.name).substr(0, front.size()), front)) kept.add(field.name, field.value);
  }
  headers = std::move(kept);
}

void apply(const Change& change, RequestState& state, http::Headers& headers) {
  for (const Field& field : change.fields) {
    if (change.only_if_there && !headers.has(field.name)) continue;
    std::string value = field.value.expand(state);
    if (value.empty()) {
      clear(headers, field.name);
    } else if (change.appends) {
      headers.add(field.name, std::move(value));
    } else {
      headers.set(field.name, std::move(value));
    }
  }
}

class ChangeOutput final : public rules::ResponseStage {
 public:
  void edit(RequestState& state, http::ResponseHead& head) const override {
    for (const Change& change : state.settings<MoreHeaders>().output) {
      const auto& statuses = change.statuses;
      const bool counts =
          statuses.empty() || std::find(statuses.begin(), statuses.end(), head.status) != statuses.end();
      if (counts && has_type(change, head.headers)) apply(change, state, head.headers);
    }
  }
};

// The values of one option: "-s '404 500'".
Result<void> read_option(const Directive& d, char option, std::string_view values, Change& change) {
  for (const std::string_view value : text::split(values, ' ')) {
    if (value.empty()) continue;
    if (option == 't') {
      change.types.push_back(text::lowered(value));
      continue;
    }
    const auto status = text::to_number(value);
    if (!status) return config::error_at(d.at, "invalid status code \"" + std::string(value) + '"');
    change.statuses.push_back(static_cast<unsigned>(*status));
  }
  return {};
}

template <bool of_request, bool clears>
Result<void> add_change(Loader& loader, const Directive& d) {
  Change change;
  for (std::size_t i = 0; i < d.args.size(); ++i) {
    const std::string& arg = d.args[i];
    if (arg == "-a" && !of_request && !clears) {
      change.appends = true;
    } else if (arg == "-r" && of_request && !clears) {
      change.only_if_there = true;
    } else if ((arg == "-s" && !of_request) || arg == "-t") {
      if (i + 1 == d.args.size()) return config::error_at(d.at, "option " + arg + " takes an argument");
      if (Result<void> read = read_option(d, arg[1], d.args[++i], change); !read.ok()) return read;
    } else {
      const std::size_t colon = arg.find(':');
      Field field;
      field.name = text::trimmed(std::string_view(arg).substr(0, colon));
      if (field.name.empty()) return config::error_at(d.at, "invalid header \"" + arg + '"');
      if (!clears && colon != std::string::npos) {
        Result<rules::Template> value = loader.compile(text::trimmed(std::string_view(arg).substr(colon + 1)), d);
        if (!value.ok()) return std::move(value).error();
        field.value = std::move(value).value();
      }
      change.fields.push_back(std::move(field));
    }
  }
  MoreHeaders& settings = loader.level().own<MoreHeaders>();
  (of_request ? settings.input : settings.output).push_back(std::move(change));
  return {};
}

constexpr unsigned blocks = rules::Http | rules::Server | rules::Location | rules::IfInLocation;
constexpr auto none = DirectiveSpec::Body::None;

constexpr std::array directives = {
    DirectiveSpec{"more_set_headers", blocks, 1, rules::any_number, none, &add_change<false, false>},
    DirectiveSpec{"more_clear_headers", blocks, 1, rules::any_number, none, &add_change<false, true>},
    DirectiveSpec{"more_set_input_headers", blocks, 1, rules::any_number, none, &add_change<true, false>},
    DirectiveSpec{"more_clear_input_headers", blocks, 1, rules::any_number, none, &add_change<true, true>},
};

}  // namespace

void change_input_headers(RequestState& state) {
  const auto& changes = state.settings<MoreHeaders>().input;
  if (changes.empty()) return;
  http::Headers& headers = state.exchange.mutable_request().headers;
  for (const Change& change : changes) {
    if (has_type(change, headers)) apply(change, state, headers);
  }
}

void describe_headers_more(rules::Language& language) {
  language.add_directives(directives);
  language.add_response_stage(std::make_unique<ChangeOutput>());
}

}  // namespace caisson::gateway
