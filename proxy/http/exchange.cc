#include "http/exchange.h"

#include "base/text.h"

namespace caisson::http {

async::Task<BodyWriter*> Exchange::respond_head(ResponseHead head) {
  if (head_stage_) head_stage_(head);
  status_ = head.status;
  co_await responder_.start(std::move(head));
  co_return &responder_.body();
}

async::Task<void> Exchange::respond(ResponseHead head, std::string body) {
  const bool bodiless = head.status < 200 || head.status == 204 || head.status == 304;
  if (!bodiless) head.headers.set("Content-Length", std::to_string(body.size()));
  BodyWriter* writer = co_await respond_head(std::move(head));
  if (!bodiless && !body.empty() && request_.method != "HEAD") co_await writer->write(text::bytes_of(body));
  co_await writer->finish();
}

}  // namespace caisson::http
