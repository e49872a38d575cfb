#include "http/exchange.h"

#include "base/text.h"

namespace caisson::http {

void Exchange::settle_head(ResponseHead& head) {
  body_filters_.clear();
  if (head_stage_) head_stage_(head);
}

// From the wire back to the handler.
BodyWriter& Exchange::filtered_body() {
  BodyWriter* next = &responder_.body();
  for (auto filter = body_filters_.rbegin(); filter != body_filters_.rend(); ++filter) {
    filtering_.push_back((*filter)(*next));
    next = filtering_.back().get();
  }
  return *next;
}

async::Task<BodyWriter*> Exchange::respond_head(ResponseHead head, Head state) {
  if (state == Head::Fresh) settle_head(head);
  status_ = head.status;
  co_await responder_.start(std::move(head));
  co_return &filtered_body();
}

async::Task<void> Exchange::respond(ResponseHead head, std::string body) {
  head.headers.set("Content-Length", std::to_string(body.size()));
  settle_head(head);
  // By the status that leaves, which a stage may have changed.
  const bool bodiless = head.status < 200 || head.status == 204 || head.status == 304;
  if (bodiless) head.headers.remove("Content-Length");
  if (bodiless || request_.method == "HEAD") body.clear();
  status_ = head.status;
  if (body_filters_.empty()) {
    co_await responder_.send(std::move(head), std::move(body));
    co_return;
  }
  co_await responder_.start(std::move(head));
  BodyWriter& to = filtered_body();
  if (!body.empty()) co_await to.write(text::bytes_of(body));
  co_await to.finish();
}

async::Task<void> Responder::send(ResponseHead head, std::string body_text) {
  co_await start(std::move(head));
  if (!body_text.empty()) co_await body().write(text::bytes_of(body_text));
  co_await body().finish();
}

}  // namespace caisson::http
