// Text with variables in it ("https://$host$request_uri"), compiled once and expanded for each request in one pass.
//
// Ownership: a value; the table that it was compiled against lives as long as the settings. Threading: expand() from
// any loop.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "rules/variables.h"

namespace caisson::rules {

class Template {
 public:
  Template() = default;

  // "$name", "${name}", "$1" to "$9". The error is in nginx's words, without file and line.
  static Result<Template> compile(std::string_view text, VariableTable& variables);

  // How "$1" and its like come out: as they were matched in the decoded path, or fit for a query or a redirect.
  enum class CaptureForm : unsigned char { Plain, Escaped };
  std::string expand(RequestState& state, CaptureForm form = CaptureForm::Plain) const;
  // A lone variable without a value gives nothing, so that "not found" and "empty" stay apart.
  Value value(RequestState& state) const;

  // Text without variables.
  static Template constant_text(std::string text);

  bool constant() const noexcept { return constant_; }
  const std::string& source() const noexcept { return source_; }

 private:
  struct Variable {
    std::size_t index;
  };
  struct Capture {
    std::size_t group;
  };
  using Piece = std::variant<std::string, Variable, Capture>;

  std::string source_;
  std::vector<Piece> pieces_;
  bool constant_ = true;
};

}  // namespace caisson::rules
