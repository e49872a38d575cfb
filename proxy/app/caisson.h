// The product: all modules' directives in one language, a configuration loaded with it, and the serving of requests.
// The one place that names the modules together.
#pragma once

#include "app/product.h"
#include "rules/language.h"
#include "rules/loader.h"

namespace caisson::app {

// Registers the directives, variables and phases of all modules.
void describe_all(rules::Language& language);

class Caisson final : public Product {
 public:
  Caisson();

  Loaded load(const Invocation& invocation, config::Source& files, observe::LogFiles& logs) override;
  std::string build_options() const override;
  int serve(Serving serving) override;

 private:
  rules::Language language_;
};

}  // namespace caisson::app
