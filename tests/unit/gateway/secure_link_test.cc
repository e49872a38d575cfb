#include "unit/gateway/gate_harness.h"

using gate_test::Gate;

TEST_CASE("secure_link is 1 for a right hash, 0 for one that has run out, and empty for a wrong one") {
  Gate gate(R"(server {
    location /x { secure_link $arg_h; secure_link_md5 secret$uri; return 200 <$secure_link>; }
    location /until { secure_link $arg_h,$arg_e; secure_link_md5 secret$arg_e;
                      return 200 "<$secure_link> $secure_link_expires"; } })");
  CHECK(gate.get("/x?h=9UNuitTCWOZqDk7-aigBLw") == "<1>");
  CHECK(gate.get("/x?h=9UNuitTCWOZqDk7-aigBLw==") == "<1>");
  CHECK(gate.get("/x?h=9UNuitTCWOZqDk7-aigBAw") == "<>");
  CHECK(gate.get("/x") == "<>");
  CHECK(gate.get("/until?h=5S2YxFmBmhF3WTbY37t5KQ&e=1") == "<0> 1");
  CHECK(gate.get("/until?h=F17Hen9jCCWQmH0NiwUa_w&e=0") == "<> ");
}

TEST_CASE("the older form of secure_link takes the hash out of the path and gives the link behind it") {
  Gate gate("server { location /p/ { secure_link_secret s; return 200 <$secure_link>; } }");
  CHECK(gate.get("/p/17c5a3f2f6ab6aa9d8f86e5f2ba7a6a5/a/b") == "<>");
  CHECK(gate.get("/p/e2aae109e8f96ded2a94326bbee23e0c/a/b") == "<a/b>");
}

TEST_CASE("the two forms of secure_link do not stand together") {
  CHECK(Gate("server { location / { secure_link x; secure_link_secret y; } }").errors.find("cannot be mixed") !=
        std::string::npos);
}
