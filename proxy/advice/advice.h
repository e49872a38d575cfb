// What `-t` says beside its verdict: settings that nginx takes without a word and that hurt in front of a registry.
//
// It reads the directives as they are written, with nginx's rules of inheritance, and knows what Docker's client makes
// of the answers. It changes nothing and keeps nobody from starting.
//
// Ownership: values. Threading: none of its own.
#pragma once

#include <string>
#include <vector>

#include "config/directive.h"

namespace caisson::advice {

struct Finding {
  config::SourcePos at;
  std::string text;  // what there is, what comes of it for clients, and what to write instead
};

// `configuration` is a whole one that loads, in the form that config::parse() gives it. In the order of the files.
std::vector<Finding> advise(const std::vector<config::Directive>& configuration);

}  // namespace caisson::advice
