#include "config/lexer.h"

#include <utility>

namespace caisson::config {

namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// Undoes \" \' \\ \t \r \n; any other backslash stays, so regular expressions need no doubling.
std::string unescaped(std::string_view raw) {
  std::string word;
  word.reserve(raw.size());
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] != '\\' || i + 1 == raw.size()) {
      word += raw[i];
      continue;
    }
    switch (const char next = raw[i + 1]) {
      case '"':
      case '\'':
      case '\\':
        word += next;
        break;
      case 't':
        word += '\t';
        break;
      case 'r':
        word += '\r';
        break;
      case 'n':
        word += '\n';
        break;
      default:
        word += '\\';
        continue;
    }
    ++i;
  }
  return word;
}

std::string unexpected(char c) { return std::string("unexpected \"") + c + '"'; }

}  // namespace

char Lexer::take() {
  const char c = text_[position_++];
  if (c == '\n') ++line_;
  return c;
}

void Lexer::note(std::string what, std::string hint) { problems_.push_back({line_, std::move(what), std::move(hint)}); }

void Lexer::note_cut_off(std::string hint) {
  note(origin_ == Origin::File ? "unexpected end of file, expecting \";\" or \"}\""
                               : "unexpected end of parameter, expecting \";\"",
       std::move(hint));
}

void Lexer::skip_comment() {
  const std::size_t end = text_.find('\n', position_);
  position_ = end == std::string_view::npos ? text_.size() : end;
}

Statement Lexer::next() {
  Statement statement;
  const auto ended = [&](Statement::End how) {
    statement.end = how;
    statement.line = line_;
    return std::move(statement);
  };
  while (!at_end()) {
    const char c = take();
    if (is_space(c)) continue;
    if (c == '#') {
      skip_comment();
      continue;
    }
    if (c == ';' && statement.words.empty()) {
      note(unexpected(c));
      continue;
    }
    if (c == ';') return ended(Statement::End::Semicolon);
    if (c == '{') {
      if (statement.words.empty()) note(unexpected(c));
      return ended(Statement::End::BlockStart);
    }
    if (c == '}' && statement.words.empty()) return ended(Statement::End::BlockEnd);
    if (c == '}') {
      note(unexpected(c), "is a \";\" missing before it?");
      --position_;  // it ends the block all the same
      return ended(Statement::End::Semicolon);
    }
    if (statement.words.empty()) statement.first_line = line_;
    if (c != '"' && c != '\'') {
      --position_;
      statement.words.push_back(read_word());
    } else if (auto word = read_quoted(c)) {
      statement.words.push_back(*std::move(word));
    } else {
      return ended(Statement::End::CutOff);
    }
  }
  if (statement.words.empty()) return ended(Statement::End::TextEnd);
  note_cut_off();
  return ended(Statement::End::CutOff);
}

std::string Lexer::read_word() {
  const std::size_t start = position_;
  bool variable = false;  // "${" belongs to the word, so does any further "{" right behind
  while (!at_end()) {
    const char c = text_[position_];
    if (c == '{' && variable) {
      take();
      continue;
    }
    if (is_space(c) || c == ';' || c == '{') break;
    variable = c == '$';
    take();
    if (c == '\\' && !at_end()) take();
  }
  return unescaped(text_.substr(start, position_ - start));
}

std::optional<std::string> Lexer::read_quoted(char quote) {
  const std::size_t start = position_;
  const unsigned opened = line_;
  for (;;) {
    if (at_end()) {
      note_cut_off(std::string("the ") + quote + " in line " + std::to_string(opened) + " is never closed");
      return std::nullopt;
    }
    const char c = take();
    if (c == quote) break;
    if (c == '\\' && !at_end()) take();
  }
  const std::size_t end = position_ - 1;
  // What may touch the closing quote; ")" as in: if ($a = "b"). next() sees to "}".
  if (!at_end() && !is_space(text_[position_]) &&
      std::string_view(";{})").find(text_[position_]) == std::string_view::npos) {
    note(unexpected(text_[position_]));
  }
  return unescaped(text_.substr(start, end - start));
}

bool Lexer::skip_lua_block() {
  const auto skip_past = [&](std::string_view end) {
    while (!at_end()) {
      if (text_.substr(position_).starts_with(end)) {
        position_ += end.size();
        return;
      }
      take();
    }
  };
  unsigned depth = 1;
  while (!at_end()) {
    const char c = take();
    const std::string_view rest = text_.substr(position_);
    if (c == '{') ++depth;
    if (c == '}' && --depth == 0) return true;
    if (c == '-' && rest.starts_with("-[[")) {
      skip_past("]]");
    } else if (c == '-' && rest.starts_with("-")) {
      skip_comment();
    } else if (c == '[' && rest.starts_with("[")) {
      skip_past("]]");
    } else if (c == '"' || c == '\'') {
      while (!at_end()) {
        const char inside = take();
        if (inside == c) break;
        if (inside == '\\' && !at_end()) take();
      }
    }
  }
  return false;
}

}  // namespace caisson::config
