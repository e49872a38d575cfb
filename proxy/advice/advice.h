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
#include "config/source.h"

namespace caisson::advice {

struct Finding {
  config::SourcePos at;
  std::string text;  // what there is, what comes of it for clients, and what to write instead
};

// `configuration` is a whole one that loads, in the form that config::parse() gives it; `files` has the texts of the
// files that it names, as far as somebody looks into them. In the order of the files.
std::vector<Finding> advise(const std::vector<config::Directive>& configuration, const config::Files& files = {});

}  // namespace caisson::advice
