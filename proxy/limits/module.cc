#include "limits/module.h"

#include "limits/zones.h"

namespace caisson::limits {

void describe(rules::Language& language) {
  describe_request_limits(language);  // nginx's order
  describe_connection_limits(language);
  language.add_finish(&check_zones);
}

}  // namespace caisson::limits
