#include "gateway/files/empty_gif.h"

#include <array>
#include <memory>

#include "gateway/answers/http_date.h"
#include "gateway/files/conditional.h"
#include "http/handler.h"
#include "rules/loader.h"
#include "rules/phases.h"

namespace caisson::gateway {

namespace {

constexpr std::time_t made_at = 23349600;  // nginx's Last-Modified of it

// GIF89a: one pixel, of the colour that is transparent.
constexpr std::array<unsigned char, 43> picture = {
    'G',  'I',  'F', '8',  '9',  'a',  1, 0, 1, 0, 0x80, 1, 0,                 // screen of 1 x 1, two colours
    0,    0,    0,   0xff, 0xff, 0xff,                                         // black and white
    0x21, 0xf9, 4,   1,    0,    0,    1, 0,                                   // white is transparent
    0x2c, 0,    0,   0,    0,    1,    0, 1, 0, 0, 2,    2, 0x4c, 1, 0, 0x3b,  // the picture
};

class EmptyGif final : public http::Handler {
 public:
  async::Task<std::optional<http::Answer>> handle(http::Exchange& exchange) override {
    const std::string& method = exchange.request().method;
    http::Answer answer;
    if (method != "GET" && method != "HEAD") {
      answer.status = 405;
      co_return answer;
    }
    Validators validators;
    validators.modified = made_at;
    const Condition condition = check_conditions(exchange.request().headers, validators, ModifiedSince::Exact);
    if (condition == Condition::Failed) {
      answer.status = 412;
      co_return answer;
    }
    http::ResponseHead head;
    head.status = condition == Condition::NotModified ? 304 : 200;
    head.headers.add("Last-Modified", http_date(made_at));
    std::string body;
    if (head.status == 200) {
      head.headers.add("Content-Type", "image/gif");
      body.assign(picture.begin(), picture.end());
    }
    co_await exchange.respond(std::move(head), std::move(body));
    co_return std::nullopt;
  }
};

Result<void> set_empty_gif(rules::Loader& loader, const config::Directive&) {
  loader.level().own<rules::Content>().handler = std::make_shared<EmptyGif>();
  return {};
}

constexpr std::array directives = {
    rules::DirectiveSpec{"empty_gif", rules::Location, 0, 0, rules::DirectiveSpec::Body::None, &set_empty_gif},
};

}  // namespace

void describe_empty_gif(rules::Language& language) { language.add_directives(directives); }

}  // namespace caisson::gateway
