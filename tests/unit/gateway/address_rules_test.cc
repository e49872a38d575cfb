#include "gateway/access/address_ranges.h"
#include "unit/gateway/gate_harness.h"

using caisson::gateway::AddressRange;
using caisson::gateway::AddressRanges;
using gate_test::Gate;

namespace {

bool says(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

std::string error_of(const std::string& lines) { return Gate("geo $x { " + lines + " }").errors; }
std::string warning_of(const std::string& lines) { return Gate("geo $x { " + lines + " }").warnings; }

}  // namespace

TEST_CASE("geo: the longest network decides, a deleted one does not count, and who has no address is 255.255.255.255") {
  Gate gate(R"(geo $arg_ip $x { default d; 10.0.0.0/8 ten; 10.1.0.0/16 inner; 10.2.0.0/16 gone; delete 10.2.0.0/16;
                                 2001:db8::/32 six; 255.255.255.255 nobody; }
    server { return 200 $x; })");
  CHECK(gate.get("/?ip=10.1.2.3") == "inner");
  CHECK(gate.get("/?ip=10.2.2.3") == "ten");
  CHECK(gate.get("/?ip=::ffff:10.1.0.1") == "inner");
  CHECK(gate.get("/?ip=2001:db8::1") == "six");
  CHECK(gate.get("/?ip=192.0.2.1") == "d");
  CHECK(gate.get("/?ip=none") == "nobody");
  Gate bare("geo $x { 10.0.0.0/8 ten; } server { return 200 <$x>; }");
  CHECK(bare.get("/") == "<>");
}

TEST_CASE("geo believes X-Forwarded-For from its proxies alone, and recursively only when told") {
  const std::string networks = "default d; proxy 192.0.2.1; 192.0.2.1 proxy; 10.0.0.0/8 ten;";
  Gate gate("geo $once { " + networks + " } geo $all { proxy_recursive; " + networks +
            " } server { return 200 \"$once $all\"; }");
  const auto from = [&](const std::string& list) { return gate.ask({"GET", "/", {{"X-Forwarded-For", list}}}).body; };
  CHECK(from("10.0.0.1") == "ten ten");
  CHECK(from("10.0.0.1, 192.0.2.1") == "proxy ten");
  CHECK(from("nonsense") == "proxy proxy");
  gate.client = "203.0.113.1";
  CHECK(from("10.0.0.1") == "d d");
}

TEST_CASE("ranges: a later one inside an earlier one stands out of it, across the boundaries where nginx cuts them") {
  AddressRanges ranges;
  const auto no_duplicate = [](const std::string&) { FAIL("a duplicate"); };
  const auto add = [&](const char* range, const char* value) {
    return ranges.add(AddressRange::parse(range).value(), value, no_duplicate);
  };
  const auto at = [&](const char* address) {
    const std::string range = std::string(address) + '-' + address;
    const std::string* value = ranges.find(AddressRange::parse(range)->first);
    return value == nullptr ? "" : *value;
  };
  REQUIRE(add("10.0.0.0-10.2.255.255", "outer").ok());
  REQUIRE(add("10.1.0.10-10.1.0.20", "inner").ok());
  REQUIRE(add("10.1.0.10-10.1.0.10", "one").ok());
  CHECK(at("10.0.0.0") == "outer");
  CHECK(at("10.1.0.9") == "outer");
  CHECK(at("10.1.0.10") == "one");
  CHECK(at("10.1.0.11") == "inner");
  CHECK(at("10.1.0.21") == "outer");
  CHECK(at("10.3.0.0").empty());
  CHECK(add("10.1.0.15-10.1.0.30", "x").error().what == "10.1.0.21-10.1.255.255");
  CHECK_FALSE(ranges.remove(*AddressRange::parse("10.1.0.11-10.1.0.19")));
  CHECK(ranges.remove(*AddressRange::parse("10.1.0.11-10.1.0.20")));
  CHECK(at("10.1.0.11").empty());
  CHECK_FALSE(AddressRange::parse("10.0.0.2-10.0.0.1"));
  CHECK_FALSE(AddressRange::parse("10.0.0.1"));
}

TEST_CASE("what nginx refuses or warns of in geo is told in its words") {
  CHECK(says(error_of("10.0.0.0/33 x;"), "invalid network \"10.0.0.0/33\" in /etc/test.conf:3"));
  CHECK(says(error_of("10.0.0.0/8 x y;"), "invalid number of the geo parameters"));
  CHECK(says(error_of("10.0.0.0/8 x; ranges;"),
             "the \"ranges\" directive must be the first directive inside \"geo\" block"));
  CHECK(says(error_of("ranges; 10.0.0.0 x;"), "invalid range \"10.0.0.0\""));
  CHECK(says(error_of("ranges; 10.0.0.0-10.0.0.9 x; 10.0.0.5-10.0.0.20 y;"),
             "range \"10.0.0.5-10.0.0.20\" overlaps \"10.0.0.0-10.0.0.9\""));
  CHECK(says(Gate("geo arg $x { default 1; }").errors, "invalid variable name \"arg\""));
  CHECK(says(warning_of("10.0.0.1/8 x;"), "low address bits of 10.0.0.1/8 are meaningless"));
  CHECK(says(warning_of("10.0.0.0/8 x; 10.0.0.0/8 y;"),
             "duplicate network \"10.0.0.0/8\", value: \"y\", old value: \"x\""));
  CHECK(says(warning_of("delete 10.0.0.0/8;"), "no network \"10.0.0.0/8\" to delete"));
  CHECK(says(warning_of("ranges; delete 10.0.0.0-10.0.0.1;"), "no address range \"10.0.0.0-10.0.0.1\" to delete"));
}
