// The places of a configuration that rules look at, and what is in force there.
//
// Ownership: everything refers to the directives that advise() was given. Threading: none of its own.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "advice/advice.h"
#include "config/directive.h"

namespace caisson::advice {

using Directives = std::vector<const config::Directive*>;

// A block and those around it.
class Scope {
 public:
  Scope(const config::Directive& block, const Scope* outer) : block_(&block), outer_(outer) {}

  const config::Directive& block() const noexcept { return *block_; }
  const Scope* outer() const noexcept { return outer_; }

  // The directives of that name in this block alone.
  Directives own(std::string_view name) const;
  // Those in force here: of the innermost block that has any. So nginx inherits single values and lists alike.
  Directives in_force(std::string_view name) const;
  // The same for a directive that stands once; null when there is none.
  const config::Directive* one(std::string_view name) const;
  // Those that would be in force if this block had none; it has some.
  Directives hidden(std::string_view name) const;

 private:
  const config::Directive* block_;
  const Scope* outer_;
};

// A server block.
struct Server {
  const Scope& scope;
  Directives listens;
  bool all_tls = false;  // no listener speaks plain HTTP
  bool any_tls = false;
  std::vector<unsigned> ports;
};

// A location that passes requests of the registry API on to a backend.
struct RegistryPath {
  const Server& server;
  const Scope& scope;  // the location, or an `if` in it
  const Scope& location;
  const config::Directive& proxy_pass;  // or what stands in its place
  std::string prefix;                   // what the location replaces; empty for regexes and names
  bool embedded = false;                // the registry inside

  // The proxy_set_header that sets a name, in any case of letters; null: none.
  const config::Directive* request_header(std::string_view name) const;
};

// Where findings go; the same one is told once.
class Findings {
 public:
  void add(const config::SourcePos& at, std::string text);
  // In the order of the files: by line, and files in the order in which something was found in them.
  std::vector<Finding> take();

 private:
  std::vector<Finding> all_;
};

// Calls for every server block, and for every location in front of a registry.
void visit(const std::vector<config::Directive>& configuration, const std::function<void(const Server&)>& server,
           const std::function<void(const RegistryPath&)>& path);

}  // namespace caisson::advice
