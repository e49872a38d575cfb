#include "http/message.h"

#include <algorithm>
#include <iterator>

namespace caisson::http {
namespace {

// The words of nginx 1.22 where they differ from RFC 9110: clients and scripts know them by heart.
struct Status {
  unsigned code;
  std::string_view reason;
  std::string_view page_title = {};  // empty: the page says code and reason; where there is a page at all
  std::string_view page_text = {};   // a line below the heading
};

constexpr Status statuses[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {102, "Processing"},
    {103, "Early Hints"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Moved Temporarily", "302 Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized", "401 Authorization Required"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Time-out"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Request Entity Too Large"},
    {414, "Request-URI Too Large"},
    {415, "Unsupported Media Type"},
    {416, "Requested Range Not Satisfiable"},
    {421, "Misdirected Request"},
    {429, "Too Many Requests"},
    {494, "Bad Request", "400 Request Header Or Cookie Too Large", "Request Header Or Cookie Too Large"},
    {495, "Bad Request", "400 The SSL certificate error", "The SSL certificate error"},
    {496, "Bad Request", "400 No required SSL certificate was sent", "No required SSL certificate was sent"},
    {497, "Bad Request", "400 The plain HTTP request was sent to HTTPS port",
     "The plain HTTP request was sent to HTTPS port"},
    {498, "", "404 Not Found"},  // nginx's page for a request that was called off
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Temporarily Unavailable"},
    {504, "Gateway Time-out"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
};

const Status* find_status(unsigned code) noexcept {
  const auto found = std::lower_bound(std::begin(statuses), std::end(statuses), code,
                                      [](const Status& status, unsigned wanted) { return status.code < wanted; });
  return found != std::end(statuses) && found->code == code ? found : nullptr;
}

}  // namespace

std::string_view reason_phrase(unsigned status) noexcept {
  const Status* known = find_status(status);
  return known == nullptr ? std::string_view() : known->reason;
}

unsigned status_on_wire(unsigned status) noexcept { return status >= 494 && status <= 497 ? 400 : status; }

bool closes_without_answer(unsigned status) noexcept { return status == 408 || status == 444 || status == 499; }

std::optional<std::string> error_page_body(unsigned status, std::string_view server) {
  const Status* known = find_status(status);
  if (known == nullptr || status < 301 || status == 304) return std::nullopt;

  const std::string heading = std::to_string(status_on_wire(status)) + ' ' + std::string(known->reason);
  const std::string title = known->page_title.empty() ? heading : std::string(known->page_title);
  std::string page = "<html>\r\n<head><title>" + title + "</title></head>\r\n<body>\r\n<center><h1>";
  page += known->page_text.empty() ? title : heading;
  page += "</h1></center>\r\n";
  if (!known->page_text.empty()) page.append("<center>").append(known->page_text).append("</center>\r\n");
  page.append("<hr><center>").append(server).append("</center>\r\n</body>\r\n</html>\r\n");
  return page;
}

}  // namespace caisson::http
