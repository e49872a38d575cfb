#include "gateway/script/rewrite.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "gateway/answers/redirect.h"
#include "gateway/core_settings.h"
#include "gateway/files/disk.h"
#include "gateway/files/document_root.h"
#include "rules/loader.h"
#include "rules/request_log.h"
#include "rules/setters.h"

namespace caisson::gateway {

using config::Directive;
using rules::DirectiveSpec;
using rules::Loader;
using rules::RequestState;
using rules::RewriteStep;
using Flow = rules::RewriteStep::Flow;

Flow run_script(const rules::Level& level, RequestState& state, std::optional<http::Answer>& answer) {
  for (const auto& step : level.get<rules::RewriteScript>().steps) {
    if (const Flow flow = step->run(state, answer); flow != Flow::Next) return flow;
  }
  return Flow::Next;
}

namespace {

bool is_redirect(unsigned status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

void add_step(Loader& loader, std::unique_ptr<RewriteStep> step) {
  loader.level().own<rules::RewriteScript>().steps.push_back(std::move(step));
}

struct RewriteSettings {
  std::optional<bool> log;                 // rewrite_log
  std::optional<bool> warn_uninitialized;  // uninitialized_variable_warn
  void inherit(const RewriteSettings& outer) {
    rules::inherit(log, outer.log);
    rules::inherit(warn_uninitialized, outer.warn_uninitialized);
  }
};

void note(RequestState& state, std::string_view message) {
  if (state.settings<RewriteSettings>().log.value_or(false)) rules::log(state, observe::Level::Notice, message);
}

void note_match(RequestState& state, const rules::Regex& regex, const std::string& subject, bool matched) {
  if (!state.settings<RewriteSettings>().log.value_or(false)) return;
  note(state, '"' + regex.pattern() + (matched ? "\" matches \"" : "\" does not match \"") + subject + '"');
}

// return CODE [TEXT]; return CODE URL; return URL;
class Return final : public RewriteStep {
 public:
  Return(unsigned status, std::optional<rules::Template> text) : status_(status), text_(std::move(text)) {}

  Flow run(RequestState& state, std::optional<http::Answer>& answer) const override {
    http::Answer made;
    made.status = status_;
    state.intended_status = status_;
    if (is_redirect(status_)) {
      made.headers.set("Location", text_ ? absolute_location(state, text_->expand(state)) : std::string());
    } else if (text_ || status_ < 400) {  // an error without a text has its page
      made.body = text_ ? text_->expand(state) : std::string();
      made.headers.set("Content-Type", media_type(state.settings<CoreSettings>(), state.path));
    }
    const bool mere_status = status_ >= 400 && !text_;
    answer = std::move(made);
    return mere_status ? Flow::Answer : Flow::Return;
  }

 private:
  unsigned status_;
  std::optional<rules::Template> text_;
};

Result<void> add_return(Loader& loader, const Directive& d) {
  unsigned status = 0;
  std::optional<std::string_view> text;
  if (const auto number = text::to_number(d.args[0]); number && d.args[0].size() <= 3) {
    status = static_cast<unsigned>(*number);
    if (d.args.size() == 2) text = d.args[1];
  } else {
    const std::string& url = d.args[0];
    const bool is_url = url.starts_with("http://") || url.starts_with("https://") || url.starts_with("$scheme");
    if (d.args.size() == 2 || !is_url) {
      const bool address = d.args.size() == 1 && (url.starts_with('/') || url.starts_with('$'));
      return config::error_at(d.at, "invalid return code \"" + url + '"',
                              address ? "a redirect needs its code: return 302 " + url + ';' : "");
    }
    status = 302;
    text = url;
  }
  std::optional<rules::Template> compiled;
  if (text) {
    Result<rules::Template> made = loader.compile(*text, d);
    if (!made.ok()) return std::move(made).error();
    compiled = std::move(made).value();
  }
  add_step(loader, std::make_unique<Return>(status, std::move(compiled)));
  return {};
}

// set $name VALUE;
class Set final : public RewriteStep {
 public:
  Set(std::size_t variable, rules::Template value) : variable_(variable), value_(std::move(value)) {}
  Flow run(RequestState& state, std::optional<http::Answer>&) const override {
    state.set_variable(variable_, value_.expand(state));
    return Flow::Next;
  }

 private:
  std::size_t variable_;
  rules::Template value_;
};

Result<void> add_set(Loader& loader, const Directive& d) {
  const Result<std::size_t> variable = loader.define_variable(d.args[0], d);
  if (!variable.ok()) return variable.error();
  Result<rules::Template> value = loader.compile(d.args[1], d);
  if (!value.ok()) return std::move(value).error();
  const std::string name = d.args[0].substr(1);
  loader.variables().when_unset(variable.value(), [name](RequestState& state) -> rules::Value {
    if (state.settings<RewriteSettings>().warn_uninitialized.value_or(true)) {
      rules::log(state, observe::Level::Warn, "using uninitialized \"" + name + "\" variable");
    }
    return "";
  });
  add_step(loader, std::make_unique<Set>(variable.value(), std::move(value).value()));
  return {};
}

class Break final : public RewriteStep {
 public:
  Flow run(RequestState& state, std::optional<http::Answer>&) const override {
    state.look_again = false;  // also for what a `rewrite` before it has changed
    return Flow::Break;
  }
};

Result<void> add_break(Loader& loader, const Directive&) {
  add_step(loader, std::make_unique<Break>());
  return {};
}

void take_named_captures(const rules::Regex& regex, const std::vector<std::size_t>& variables, RequestState& state) {
  for (std::size_t i = 0; i < variables.size(); ++i) {
    state.set_variable(variables[i], state.captures[regex.names()[i].second]);
  }
}

// Captures come from the decoded path. Where a query or a redirect is made of them they are escaped again, if the
// client escaped anything (ngx_http_script_copy_capture_code).
rules::Template::CaptureForm capture_form(const RequestState& state) {
  const std::string& raw = state.exchange.request().target.raw;
  const std::string_view path = std::string_view(raw).substr(0, raw.find('?'));
  const bool escapes = path.find_first_of("%+") != std::string_view::npos;
  return escapes ? rules::Template::CaptureForm::Escaped : rules::Template::CaptureForm::Plain;
}

// ngx_unescape_uri with NGX_UNESCAPE_REDIRECT: up to the first "?", visible characters behind "%" stand for themselves.
std::string without_needless_escapes(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '?') return out.append(text.substr(at));
    const int high = c == '%' && at + 2 < text.size() ? text::hex_value(text[at + 1]) : -1;
    const int low = high >= 0 ? text::hex_value(text[at + 2]) : -1;
    const int byte = low >= 0 ? high * 16 + low : 0;
    if (byte <= '%' || byte >= 0x7f) {
      out += c;
      if (byte == 0) continue;
      out.append(text.substr(at + 1, 2));
    } else {
      out += static_cast<char>(byte);
      if (byte == '?') return out.append(text.substr(at + 3));
    }
    at += 2;
  }
  return out;
}

// rewrite REGEX REPLACEMENT [last|break|redirect|permanent];
class Rewrite final : public RewriteStep {
 public:
  enum class Then { Next, Last, Break, Redirect, Permanent };

  // The replacement, divided at its first "?": one that variables or captures bring divides nothing.
  struct Replacement {
    rules::Template path;                 // of a redirect: all of it
    std::optional<rules::Template> args;  // nothing: it says no arguments
    bool keep_args;                       // the request's own follow
  };

  Rewrite(rules::Regex regex, std::vector<std::size_t> names, Replacement replacement, Then then)
      : regex_(std::move(regex)), names_(std::move(names)), replacement_(std::move(replacement)), then_(then) {}

  Flow run(RequestState& state, std::optional<http::Answer>& answer) const override {
    rules::Captures captures;
    switch (regex_.match(state.path, &captures)) {
      case rules::Regex::Outcome::NoMatch:
        note_match(state, regex_, state.path, false);
        return Flow::Next;
      case rules::Regex::Outcome::LimitReached:
        answer = http::Answer{500, {}, std::nullopt};
        return Flow::Answer;
      case rules::Regex::Outcome::Match:
        note_match(state, regex_, state.path, true);
        break;
    }
    state.captures = std::move(captures);
    take_named_captures(regex_, names_, state);
    const bool added = replacement_.keep_args && !state.args.empty();

    if (then_ == Then::Redirect || then_ == Then::Permanent) {
      std::string target = without_needless_escapes(replacement_.path.expand(state, capture_form(state)));
      if (added) {
        target += replacement_.path.source().find('?') == std::string::npos ? '?' : '&';
        target += state.args;
      }
      note(state, "rewritten redirect: \"" + target + '"');
      http::Answer made;
      made.status = then_ == Then::Redirect ? 302 : 301;
      made.headers.set("Location", absolute_location(state, std::move(target)));
      answer = std::move(made);
      return Flow::Answer;
    }
    std::string path = replacement_.path.expand(state);
    if (path.empty()) {
      rules::log(state, observe::Level::Error, "the rewritten URI has a zero length");
      answer = http::Answer{500, {}, std::nullopt};
      return Flow::Answer;
    }
    if (replacement_.args) {
      std::string args = replacement_.args->expand(state, capture_form(state));
      if (added) args += '&' + state.args;
      state.args = std::move(args);
    } else if (!replacement_.keep_args) {
      state.args.clear();
    }
    note(state, "rewritten data: \"" + path + "\", args: \"" + state.args + '"');
    state.path = std::move(path);
    state.rewritten = true;
    state.internal = true;
    state.prefix_gone = then_ == Then::Break;
    state.look_again = then_ != Then::Break;
    return then_ == Then::Next ? Flow::Next : Flow::Break;
  }

 private:
  rules::Regex regex_;
  std::vector<std::size_t> names_;
  Replacement replacement_;
  Then then_;
};

Result<void> add_rewrite(Loader& loader, const Directive& d) {
  if (d.args[1].empty()) return config::error_at(d.at, "empty replacement");
  Result<rules::Regex> regex = loader.regex(d.args[0], rules::Regex::Case::Sensitive, d);
  if (!regex.ok()) return std::move(regex).error();
  auto names = loader.define_captures(regex.value(), d);
  if (!names.ok()) return std::move(names).error();
  std::string replacement = d.args[1];
  auto then = Rewrite::Then::Next;
  if (replacement.starts_with("http://") || replacement.starts_with("https://") || replacement.starts_with("$scheme")) {
    then = Rewrite::Then::Redirect;
  }
  if (d.args.size() == 3) {
    const std::string& flag = d.args[2];
    if (flag == "last" || flag == "break") {
      // An absolute replacement redirects all the same (ngx_http_rewrite).
      if (then == Rewrite::Then::Next) then = flag == "last" ? Rewrite::Then::Last : Rewrite::Then::Break;
    } else if (flag == "redirect") {
      then = Rewrite::Then::Redirect;
    } else if (flag == "permanent") {
      then = Rewrite::Then::Permanent;
    } else {
      return config::error_at(d.at, "invalid parameter \"" + flag + '"');
    }
  }
  // A "?" at the end leaves the request's own arguments away.
  const bool keep_args = !replacement.ends_with('?');
  if (!keep_args) replacement.pop_back();
  std::optional<std::string> args;
  const bool redirects = then == Rewrite::Then::Redirect || then == Rewrite::Then::Permanent;
  if (const std::size_t mark = replacement.find('?'); mark != std::string::npos && !redirects) {
    args = replacement.substr(mark + 1);
    replacement.resize(mark);
  }
  Rewrite::Replacement compiled;
  compiled.keep_args = keep_args;
  Result<rules::Template> path = loader.compile(replacement, d);
  if (!path.ok()) return std::move(path).error();
  compiled.path = std::move(path).value();
  if (args) {
    Result<rules::Template> compiled_args = loader.compile(*args, d);
    if (!compiled_args.ok()) return std::move(compiled_args).error();
    compiled.args = std::move(compiled_args).value();
  }
  add_step(loader,
           std::make_unique<Rewrite>(std::move(regex).value(), std::move(names).value(), std::move(compiled), then));
  return {};
}

// if (CONDITION) { ... }
class If final : public RewriteStep {
 public:
  enum class Test { True, Equal, Match, File, Directory, Exists, Executable };

  Flow run(RequestState& state, std::optional<http::Answer>& answer) const override {
    bool holds = false;
    switch (test) {
      case Test::True: {
        const rules::Value value = state.variable(variable);
        holds = value && !value->empty() && *value != "0";
        break;
      }
      case Test::Equal:
        holds = state.variable(variable).value_or("") == operand.expand(state);
        break;
      case Test::Match: {
        rules::Captures captures;
        const std::string text = state.variable(variable).value_or("");
        const auto outcome = regex->match(text, &captures);
        if (outcome == rules::Regex::Outcome::LimitReached) {
          answer = http::Answer{500, {}, std::nullopt};
          return Flow::Answer;
        }
        holds = outcome == rules::Regex::Outcome::Match;
        note_match(state, *regex, text, holds);
        if (holds) {
          state.captures = std::move(captures);
          take_named_captures(*regex, names, state);
        }
        break;
      }
      default:
        holds = file_test(state, operand.expand(state));
        break;
    }
    if (holds == negated) return Flow::Next;
    state.level = level->kind() == rules::IfInLocation ? level : state.level;
    return run_script(*level, state, answer);
  }

  Test test = Test::True;
  bool negated = false;
  std::size_t variable = 0;  // of a comparison
  rules::Template operand;   // what it is compared with; the path of a file test
  std::optional<rules::Regex> regex;
  std::vector<std::size_t> names;
  const rules::Level* level = nullptr;

 private:
  // Sees no further than disable_symlinks lets the files be served (ngx_http_script_file_code).
  bool file_test(RequestState& state, std::string path) const {
    FileName name;
    name.own = path.size();
    name.path = std::move(path);
    if (name.path.starts_with('/')) take_link_rule(state, name);
    const OpenedFile seen = look_at_file_now(name);
    if (seen.error != 0) return false;
    switch (test) {
      case Test::File:
        return seen.facts.kind == FileFacts::Kind::File;
      case Test::Directory:
        return seen.facts.kind == FileFacts::Kind::Folder;
      case Test::Executable:
        return seen.facts.executable;
      default:
        return true;
    }
  }
};

Error invalid_condition(const Directive& d, const std::string& word) {
  const bool usual_slip = word.find("&&") != std::string::npos || word.find("||") != std::string::npos;
  return config::error_at(
      d.at, "invalid condition \"" + word + '"',
      usual_slip ? "one comparison is all that an \"if\" takes; put them together with map or set" : "");
}

// The words between the brackets. They may touch what is between them, or stand alone.
Result<std::vector<std::string>> condition_words(const Directive& d) {
  std::vector<std::string> words = d.args;
  if (!words.front().starts_with('(')) return invalid_condition(d, words.front());
  words.front().erase(0, 1);
  if (!words.back().ends_with(')')) return invalid_condition(d, words.back());
  words.back().pop_back();
  // "()" and "( )" have nothing between them, and nginx names the bracket.
  if (d.args.size() == 1 && words.front().empty()) return invalid_condition(d, ")");
  if (d.args.front() == "(") words.erase(words.begin());
  if (d.args.back() == ")") words.pop_back();
  if (words.empty()) return invalid_condition(d, ")");
  return words;
}

// $NAME, $NAME OPERATOR OPERAND. The whole word behind "$" is the name.
Result<void> read_comparison(Loader& loader, const Directive& d, const std::vector<std::string>& words, If& step) {
  if (words.size() != 1 && words.size() != 3) return invalid_condition(d, words[0]);
  step.variable = loader.use_variable(std::string_view(words[0]).substr(1), d);
  if (words.size() == 1) return {};
  const std::string& sign = words[1];
  const std::string& operand = words[2];
  if (sign == "=" || sign == "!=") {
    step.test = If::Test::Equal;
    step.negated = sign == "!=";
    Result<rules::Template> compiled = loader.compile(operand, d);
    if (!compiled.ok()) return std::move(compiled).error();
    step.operand = std::move(compiled).value();
    return {};
  }
  if (sign == "~" || sign == "~*" || sign == "!~" || sign == "!~*") {
    step.test = If::Test::Match;
    step.negated = sign[0] == '!';
    const auto letters = sign.ends_with('*') ? rules::Regex::Case::Ignored : rules::Regex::Case::Sensitive;
    Result<rules::Regex> regex = loader.regex(operand, letters, d);
    if (!regex.ok()) return std::move(regex).error();
    auto names = loader.define_captures(regex.value(), d);
    if (!names.ok()) return std::move(names).error();
    step.names = std::move(names).value();
    step.regex = std::move(regex).value();
    return {};
  }
  return config::error_at(d.at, "unexpected \"" + sign + "\" in condition");
}

// ngx_http_rewrite_if_condition
Result<void> read_condition(Loader& loader, const Directive& d, If& step) {
  Result<std::vector<std::string>> read = condition_words(d);
  if (!read.ok()) return std::move(read).error();
  const std::vector<std::string>& words = read.value();
  if (words[0].starts_with('$') && words[0].size() > 1) return read_comparison(loader, d, words, step);

  static constexpr std::pair<std::string_view, If::Test> tests[] = {
      {"-f", If::Test::File}, {"-d", If::Test::Directory}, {"-e", If::Test::Exists}, {"-x", If::Test::Executable}};
  step.negated = words[0].starts_with('!');
  const std::string_view sign = std::string_view(words[0]).substr(step.negated ? 1 : 0);
  const auto* const found =
      std::find_if(std::begin(tests), std::end(tests), [&](const auto& test) { return test.first == sign; });
  if (found == std::end(tests) || words.size() != 2) return invalid_condition(d, words[0]);
  step.test = found->second;
  Result<rules::Template> path = loader.compile(words[1], d);
  if (!path.ok()) return std::move(path).error();
  step.operand = std::move(path).value();
  return {};
}

Result<void> add_if(Loader& loader, const Directive& d) {
  auto step = std::make_unique<If>();
  if (Result<void> read = read_condition(loader, d, *step); !read.ok()) return read;
  If* made = step.get();
  const bool in_server = loader.level().kind() == rules::Server;
  add_step(loader, std::move(step));
  made->level = &loader.read_block(d, in_server ? rules::IfInServer : rules::IfInLocation);
  return {};
}

constexpr unsigned script_blocks = rules::Server | rules::Location | rules::IfInServer | rules::IfInLocation;
constexpr auto none = DirectiveSpec::Body::None;

constexpr std::array directives = {
    DirectiveSpec{"return", script_blocks, 1, 2, none, &add_return},
    DirectiveSpec{"set", script_blocks, 2, 2, none, &add_set},
    DirectiveSpec{"break", script_blocks, 0, 0, none, &add_break},
    DirectiveSpec{"rewrite", script_blocks, 2, 3, none, &add_rewrite},
    DirectiveSpec{"if", rules::Server | rules::Location, 1, rules::any_number, DirectiveSpec::Body::Required, &add_if},
    DirectiveSpec{"rewrite_log", script_blocks | rules::Http, 1, 1, none, &rules::set_flag<&RewriteSettings::log>},
    DirectiveSpec{"uninitialized_variable_warn", script_blocks | rules::Http, 1, 1, none,
                  &rules::set_flag<&RewriteSettings::warn_uninitialized>},
};

}  // namespace

void describe_rewrite(rules::Language& language) { language.add_directives(directives); }

}  // namespace caisson::gateway
