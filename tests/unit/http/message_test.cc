// The pages were given by nginx 1.22 (`return CODE;`).
#include "http/message.h"

#include <doctest/doctest.h>

namespace {

using namespace caisson::http;

std::string page(std::string_view title, std::string_view rest) {
  std::string text = "<html>\r\n<head><title>";
  text.append(title).append("</title></head>\r\n<body>\r\n<center><h1>").append(rest);
  return text + "<hr><center>caisson/1</center>\r\n</body>\r\n</html>\r\n";
}

TEST_CASE("error pages are nginx's") {
  CHECK(error_page_body(404, "caisson/1") == page("404 Not Found", "404 Not Found</h1></center>\r\n"));
  CHECK(error_page_body(401, "caisson/1") ==
        page("401 Authorization Required", "401 Authorization Required</h1></center>\r\n"));
  CHECK(error_page_body(302, "caisson/1") == page("302 Found", "302 Found</h1></center>\r\n"));
  CHECK(error_page_body(494, "caisson/1") ==
        page("400 Request Header Or Cookie Too Large",
             "400 Bad Request</h1></center>\r\n<center>Request Header Or Cookie Too Large</center>\r\n"));
  CHECK(error_page_body(497, "caisson/1") ==
        page("400 The plain HTTP request was sent to HTTPS port",
             "400 Bad Request</h1></center>\r\n<center>The plain HTTP request was sent to HTTPS port</center>\r\n"));
}

TEST_CASE("exactly the statuses that have a page in nginx have one") {
  constexpr unsigned with_page[] = {301, 302, 303, 307, 308, 400, 401, 402, 403, 404, 405, 406,
                                    408, 409, 410, 411, 412, 413, 414, 415, 416, 421, 429, 494,
                                    495, 496, 497, 498, 500, 501, 502, 503, 504, 505, 507};
  const unsigned* next = with_page;
  for (unsigned status = 100; status < 600; ++status) {
    CAPTURE(status);
    const bool expected = next != std::end(with_page) && *next == status;
    CHECK(error_page_body(status, "x").has_value() == expected);
    if (expected) ++next;
  }
}

TEST_CASE("reason phrases are nginx's") {
  CHECK(reason_phrase(200) == "OK");
  CHECK(reason_phrase(206) == "Partial Content");
  CHECK(reason_phrase(302) == "Moved Temporarily");
  CHECK(reason_phrase(401) == "Unauthorized");
  CHECK(reason_phrase(503) == "Service Temporarily Unavailable");
  CHECK(reason_phrase(418).empty());
  CHECK(reason_phrase(0).empty());
  CHECK(reason_phrase(999).empty());
}

TEST_CASE("nginx's own statuses go out as 400 or close the connection") {
  for (unsigned status : {494U, 495U, 496U, 497U}) CHECK(status_on_wire(status) == 400);
  for (unsigned status : {200U, 400U, 493U, 498U, 500U}) CHECK(status_on_wire(status) == status);
  for (unsigned status : {408U, 444U, 499U}) CHECK(closes_without_answer(status));
  for (unsigned status : {400U, 404U, 494U, 500U}) CHECK_FALSE(closes_without_answer(status));
}

}  // namespace
