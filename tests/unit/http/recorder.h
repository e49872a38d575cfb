// Keeps what a client would get.
#pragma once

#include <span>
#include <string>
#include <utility>

#include "async/task.h"
#include "base/text.h"
#include "http/exchange.h"

namespace http_test {

class Recorder final : public caisson::http::Responder, private caisson::http::BodyWriter {
 public:
  Recorder(caisson::http::ResponseHead& head, std::string& body, bool& finished)
      : head_(head), text_(body), finished_(finished) {}
  caisson::async::Task<void> inform(const caisson::http::ResponseHead&) override { co_return; }
  caisson::async::Task<void> start(caisson::http::ResponseHead head) override {
    head_ = std::move(head);
    co_return;
  }
  caisson::http::BodyWriter& body() override { return *this; }

 private:
  caisson::async::Task<void> write(std::span<const std::byte> slice) override {
    text_ += caisson::text::view_of(slice);
    co_return;
  }
  caisson::async::Task<void> flush() override { co_return; }
  caisson::async::Task<void> finish() override {
    finished_ = true;
    co_return;
  }

  caisson::http::ResponseHead& head_;
  std::string& text_;
  bool& finished_;
};

}  // namespace http_test
