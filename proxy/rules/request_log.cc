#include "rules/request_log.h"

namespace caisson::rules {

void log(RequestState& state, observe::Level level, std::string_view message, std::string_view upstream) {
  const Level* settings = state.level != nullptr ? state.level : state.server;
  if (settings == nullptr) return;
  const auto& log = settings->get<ErrorLogSettings>().log;
  if (!log || !log->enabled(level)) return;
  const http::RequestHead& request = state.exchange.request();
  observe::LogContext context;
  context.connection = state.exchange.connection().serial;
  context.client = state.exchange.client_address();
  context.server = state.server_name.data() != nullptr ? state.server_name : "";
  context.request = request.line;
  if (state.parent != nullptr) context.subrequest = state.path;
  context.upstream = upstream;
  if (const std::string* host = request.headers.find("Host")) context.host = *host;
  if (const std::string* referrer = request.headers.find("Referer")) context.referrer = *referrer;
  log->write(level, message, context);
}

}  // namespace caisson::rules
