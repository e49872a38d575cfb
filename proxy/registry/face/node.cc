#include "registry/face/node.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>

namespace caisson::registry::face {
namespace {

// More than any configuration has; aliases could make a small file endless.
constexpr std::size_t most_nodes = 100'000;
constexpr unsigned deepest = 50;

class Converter {
 public:
  Converter(const std::string& file, bool one_line) : file_(file), one_line_(one_line) {}

  // Throws YAML::Exception for what no configuration can be.
  Node convert(const YAML::Node& from, unsigned depth = 0) {
    if (++nodes_ > most_nodes || depth > deepest) throw YAML::Exception(from.Mark(), "too many values");
    Node made;
    made.at = place(from.Mark());
    switch (from.Type()) {
      case YAML::NodeType::Scalar:
        made.kind = Node::Kind::Scalar;
        made.scalar = from.Scalar();
        break;
      case YAML::NodeType::Sequence:
        made.kind = Node::Kind::List;
        for (const YAML::Node& item : from) made.items.push_back(convert(item, depth + 1));
        break;
      case YAML::NodeType::Map:
        made.kind = Node::Kind::Map;
        convert_entries(from, made, depth);
        break;
      default:
        break;
    }
    return made;
  }

  std::vector<std::string> take_warnings() { return std::move(warnings_); }

  config::SourcePos place(const YAML::Mark& mark) const {
    return {file_, one_line_ || mark.is_null() ? 0U : static_cast<unsigned>(mark.line) + 1};
  }

 private:
  void convert_entries(const YAML::Node& from, Node& into, unsigned depth) {
    for (const auto& pair : from) {
      if (!pair.first.IsScalar()) throw YAML::Exception(pair.first.Mark(), "a key must be a word");
      const std::string& key = pair.first.Scalar();
      Node value = convert(pair.second, depth + 1);
      // The place of a key says more than that of a block below it.
      if (value.kind != Node::Kind::Scalar) value.at = place(pair.first.Mark());
      if (key == "<<" && value.kind == Node::Kind::Map) {  // YAML's merge key: what it brings yields to what is written
        for (auto& [name, brought] : value.entries) {
          if (into.find(name) == nullptr) into.entries.emplace_back(name, std::move(brought));
        }
        continue;
      }
      if (into.find(key) != nullptr) {
        warnings_.push_back(config::error_at(value.at, "\"" + key + "\" stands twice, this one counts").what);
      }
      into.entry(key) = std::move(value);
    }
  }

  const std::string& file_;
  const bool one_line_;
  std::size_t nodes_ = 0;
  std::vector<std::string> warnings_;
};

}  // namespace

const Node* Node::find(std::string_view key) const {
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const auto& e) { return e.first == key; });
  return found == entries.end() ? nullptr : &found->second;
}

Node* Node::find(std::string_view key) { return const_cast<Node*>(std::as_const(*this).find(key)); }

Node& Node::entry(const std::string& key) {
  kind = Kind::Map;
  if (Node* found = find(key)) return *found;
  return entries.emplace_back(key, Node{}).second;
}

Result<ParsedYaml> parse_yaml(std::string_view text, const std::string& file, bool one_line) {
  Converter converter(file, one_line);
  try {
    ParsedYaml parsed;
    parsed.root = converter.convert(YAML::Load(std::string(text)));
    parsed.warnings = converter.take_warnings();
    return parsed;
  } catch (const YAML::Exception& wrong) {
    return config::error_at(converter.place(wrong.mark), "this is no YAML: " + wrong.msg);
  }
}

}  // namespace caisson::registry::face
