#include "report/sheet.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace gantry {
namespace {

// Lets the Japanese words be found in the source tree.
const int kDataFolder = setenv("GANTRY_DATA", GANTRY_SOURCE_DIR, 1);

TEST(Sheet, GivesNothingAwayAndComesBack) {
  Sheet s{.title = {"T", "題"}, .person_column = "reader", .person = "A"};
  s.keys = {"order", "report"};
  s.answer_column = "label";
  s.choices = {{"0", {"none", "なし"}}, {"1", {"some", "あり"}}};
  s.seconds = true;
  s.items = {{{"1", "-R1"}, "1 / 1", {{"report", "=cmd() <b>"}}}};
  EXPECT_EQ(sheet_csv(s),
            "\xEF\xBB\xBF\"reader\",\"order\",\"report\",\"label\",\"seconds\",\"report\"\r\n"
            "\"A\",\"1\",\"-R1\",,,\"'=cmd() <b>\"\r\n");
  const std::string html = sheet_html(s);
  EXPECT_EQ(html.find("<b>"), std::string::npos);
  EXPECT_NE(html.find("type=\"radio\""), std::string::npos);
  EXPECT_NE(html.find("reader / 読影者"), std::string::npos);
  EXPECT_EQ(html.find("http"), std::string::npos);
}

}  // namespace
}  // namespace gantry
