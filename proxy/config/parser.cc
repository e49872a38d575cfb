#include "config/parser.h"

#include <algorithm>
#include <utility>

#include "config/lexer.h"

namespace caisson::config {

namespace {

// More than any configuration needs; it keeps a hostile or broken one from using up the stack.
constexpr unsigned deepest_block = 100;
constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

class Parser {
 public:
  Parser(Source& source, std::string folder, unsigned first_order)
      : source_(source), folder_(std::move(folder)), order_(first_order) {}

  // `from` is the include that names the file; none for the main file.
  void read_file(const std::string& path, const Directive* from, std::vector<Directive>& into) {
    Result<std::string> text = source_.read(path);
    if (!text.ok()) {
      note(from != nullptr ? error_at(from->at, text.error().what) : std::move(text).error());
      return;
    }
    std::string_view view = text.value();
    if (view.starts_with(byte_order_mark)) view.remove_prefix(byte_order_mark.size());
    read_text(view, Lexer::Origin::File, path, into);
  }

  void read_text(std::string_view text, Lexer::Origin origin, const std::string& path, std::vector<Directive>& into) {
    Lexer lexer(text, origin);
    reading_.push_back({path, &lexer, origin});
    while (!read_block(into, nullptr)) {
    }
    reading_.pop_back();
  }

  void finish(Parsed& parsed) {
    parsed.errors = std::move(errors_);
    parsed.next_order = order_;
  }

 private:
  struct Reading {
    std::string path;
    Lexer* lexer;
    Lexer::Origin origin;
  };

  void note(Error error) { errors_.emplace_back(std::move(error), order_ - 1); }

  SourcePos place(unsigned line) const { return {reading_.back().path, line}; }

  void take_problems() {
    for (const Problem& problem : reading_.back().lexer->problems()) {
      note(error_at(place(problem.line), problem.what, problem.hint));
    }
    reading_.back().lexer->problems().clear();
  }

  // Reads up to the end of the block, or of the text; `block` is the directive that opened it, none at the top of a
  // text. True when the text is used up.
  bool read_block(std::vector<Directive>& into, const Directive* block) {
    Lexer& lexer = *reading_.back().lexer;
    for (;;) {
      Statement statement = lexer.next();
      take_problems();
      switch (statement.end) {
        case Statement::End::CutOff:
          return true;
        case Statement::End::TextEnd:
          if (block != nullptr) {
            note(error_at(place(statement.line), "unexpected end of file, expecting \"}\"",
                          '"' + block->name + "\" of line " + std::to_string(block->at.line) + " is still open"));
          }
          return true;
        case Statement::End::BlockEnd:
          if (block == nullptr) note(error_at(place(statement.line), "unexpected \"}\""));
          return false;
        case Statement::End::Semicolon:
        case Statement::End::BlockStart:
          if (add(std::move(statement), into)) return true;
          break;
      }
    }
  }

  // True when the text is used up.
  bool add(Statement statement, std::vector<Directive>& into) {
    Directive directive;
    directive.at = place(statement.line);
    directive.first_line = statement.first_line;
    directive.order = order_;
    order_ += 2;
    directive.has_block = statement.end == Statement::End::BlockStart;
    const bool named = !statement.words.empty();
    if (named) {
      directive.name = std::move(statement.words.front());
      directive.args.assign(std::make_move_iterator(statement.words.begin() + 1),
                            std::make_move_iterator(statement.words.end()));
    }
    bool used_up = false;
    if (directive.has_block && directive.name == "include") {
      note(error_at(directive.at, "directive \"include\" is not terminated by \";\""));
      return open_block(directive);
    }
    if (directive.has_block) {
      used_up = open_block(directive);
      if (!named) return used_up;  // noted already; its inside is read for further errors, but not kept
    } else if (directive.name == "include") {
      include(directive, into);
      return false;
    }
    into.push_back(std::move(directive));
    return used_up;
  }

  bool open_block(Directive& directive) {
    if (reading_.back().origin == Lexer::Origin::CommandLine) {
      note(error_at(directive.at, "block directives are not supported in -g option"));
      return true;
    }
    if (directive.name.ends_with("_by_lua_block")) {
      if (reading_.back().lexer->skip_lua_block()) return false;
      note(error_at(directive.at, "the block of \"" + directive.name + "\" is never closed"));
      return true;
    }
    if (depth_ == deepest_block) {
      note(error_at(directive.at, "blocks are nested too deeply"));
      return true;
    }
    ++depth_;
    const bool used_up = read_block(directive.block, &directive);
    --depth_;
    return used_up;
  }

  void include(const Directive& directive, std::vector<Directive>& into) {
    if (directive.args.size() != 1) {
      note(wrong_argument_count(directive));
      return;
    }
    const std::string& named = directive.args.front();
    const std::string path = named.starts_with('/') ? named : folder_ + named;
    if (path.find_first_of("*?[") == std::string::npos) {
      include_file(path, directive, into);
      return;
    }
    Result<std::vector<std::string>> paths = source_.glob(path);
    if (!paths.ok()) {
      note(error_at(directive.at, paths.error().what));
      return;
    }
    for (const std::string& match : paths.value()) include_file(match, directive, into);
  }

  void include_file(const std::string& path, const Directive& directive, std::vector<Directive>& into) {
    const bool open = std::any_of(reading_.begin(), reading_.end(), [&](const Reading& r) { return r.path == path; });
    if (open) {
      note(error_at(directive.at, "\"" + path + "\" includes itself"));
      return;
    }
    read_file(path, &directive, into);
  }

  Source& source_;
  std::string folder_;
  std::vector<Reading> reading_;  // the main file first, then the includes that are open
  unsigned depth_ = 0;            // of open blocks, over all files in reading_
  unsigned order_;                // of the next directive
  std::vector<ParseError> errors_;
};

}  // namespace

std::string folder_of(const std::string& path) { return path.substr(0, path.rfind('/') + 1); }

Parsed parse(Source& source, const std::string& path, unsigned first_order) {
  Parsed parsed;
  Parser parser(source, folder_of(path), first_order);
  parser.read_file(path, nullptr, parsed.directives);
  parser.finish(parsed);
  return parsed;
}

Parsed parse_option(Source& source, std::string_view directives, const std::string& path) {
  Parsed parsed;
  Parser parser(source, folder_of(path), parsed.next_order);
  parser.read_text(directives, Lexer::Origin::CommandLine, "", parsed.directives);
  parser.finish(parsed);
  return parsed;
}

}  // namespace caisson::config
