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
  if (bodiless || request_.method == "HEAD") body.clear();
  if (head_stage_) head_stage_(head);
  status_ = head.status;
  co_await responder_.send(std::move(head), std::move(body));
}

async::Task<void> Responder::send(ResponseHead head, std::string body_text) {
  co_await start(std::move(head));
  if (!body_text.empty()) co_await body().write(text::bytes_of(body_text));
  co_await body().finish();
}

}  // namespace caisson::http
