#include "http/body.h"

namespace caisson::http {

async::Task<bool> BodyReader::discard(bool) { co_return true; }

}  // namespace caisson::http
