#include "report/published_example.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "base/error.h"
#include "report/metrics_json.h"
#include "report/section_html.h"

namespace gantry {
namespace {

const int kDataFolder = setenv("GANTRY_DATA", GANTRY_SOURCE_DIR, 1);

const ReportTable& table_of(const std::vector<ReportSection>& sections, const std::string& name) {
  for (const auto& s : sections)
    for (const auto& t : s.tables)
      if (t.name == name) return t;
  throw std::runtime_error("no table " + name);
}

TEST(PublishedExample, ReproducesTheTable) {
  const auto sections = published_sections(read_published_table("kanemaru2024"));
  const auto& t = table_of(sections, "readers");
  const double accuracy[] = {0.979, 0.996, 0.993};
  const double sensitivity[3][3] = {{0.988, 0.947, 0.943}, {1, 1, 0.966}, {1, 0.982, 0.954}};
  const double seconds[] = {105, 2312, 3094};
  for (size_t r = 0; r < 3; ++r) {
    EXPECT_NEAR(t.rows[r][1].estimate.value, accuracy[r], 5e-4);
    EXPECT_EQ(t.rows[r][1].estimate.n, 711);
    EXPECT_TRUE(t.rows[r][1].estimate.has_interval);
    for (size_t g = 0; g < 3; ++g)
      EXPECT_NEAR(t.rows[r][2 + g].estimate.value, sensitivity[r][g], 5e-4) << r << " " << g;
    EXPECT_EQ(t.rows[r][5].number, seconds[r]);
  }
  // Full precision in JSON.
  const auto json = nlohmann::json::parse(sections_json(sections));
  EXPECT_DOUBLE_EQ(json["results"]["tables"]["readers"]["rows"][0][1]["value"], 696.0 / 711);
  // The model took 3 + 5 cases of groups 1 and 2, and 7 of group 0, for another.
  const auto& ppv = json["natural_prevalence"]["tables"]["ppv"]["rows"];
  EXPECT_DOUBLE_EQ(ppv[0][2], 54.0 / (54 + 7 + 5));
  EXPECT_DOUBLE_EQ(ppv[0][3], 1);
  EXPECT_DOUBLE_EQ(ppv[0][4], 54 / (54 + 7.0 * 7255 / 567 + 5));
}

TEST(PublishedExample, NaturalPrevalenceAndItsAssumption) {
  const auto table = read_published_table("kanemaru2024");
  const auto sections = published_sections(table);
  EXPECT_NEAR(100.0 * static_cast<double>(table.natural[1]) / 7399, 0.77, 0.005);
  EXPECT_NEAR(100.0 * static_cast<double>(table.natural[2]) / 7399, 1.18, 0.005);
  EXPECT_NEAR(100.0 * static_cast<double>(table.natural[0]) / 7399, 98.05, 0.005);
  bool said = false;
  for (const auto& s : sections)
    for (const auto& p : s.paragraphs)
      said = said || p.text.en.find("This is our assumption") != std::string::npos;
  EXPECT_TRUE(said);
  // "Any", every missed case answered "none": 136 right; 7 of 567 false positives stand for
  // 7 * 7255 / 567 patients.
  const double wrong = 7.0 * 7255 / 567;
  EXPECT_NEAR(table_of(sections, "predictive_values").rows[0][1].estimate.value,
              136 / (136 + wrong), 1e-12);
}

TEST(PublishedExample, PpvRangeHoldsEveryPossibleTable) {
  // All ways to give the errors of three small groups a wrong answer, by hand.
  const std::vector<int64_t> cases = {10, 5, 4}, errors = {2, 1, 2};
  const std::vector<double> weight = {3, 1, 1};
  double lowest = 2, highest = -1, any_lowest = 2, any_highest = -1;
  for (int a = 0; a <= 2; ++a)        // of group 0's errors, how many answered 1 (the others 2)
    for (int b = 0; b <= 1; ++b)      // of group 1's, answered 0
      for (int c = 0; c <= 2; ++c) {  // of group 2's, answered 0
        const double right = 4, wrong = 3 * a + (2 - c);
        lowest = std::min(lowest, right / (right + wrong));
        highest = std::max(highest, right / (right + wrong));
        const double true_any = 4 + 2 + (1 - b) + (2 - c);
        any_lowest = std::min(any_lowest, true_any / (true_any + 6));
        any_highest = std::max(any_highest, true_any / (true_any + 6));
      }
  const PpvRange one = ppv_range(cases, errors, weight, 1);
  EXPECT_DOUBLE_EQ(one.lowest, lowest);
  EXPECT_DOUBLE_EQ(one.highest, highest);
  const PpvRange any = ppv_range_any(cases, errors, weight);
  EXPECT_DOUBLE_EQ(any.lowest, any_lowest);
  EXPECT_DOUBLE_EQ(any.highest, any_highest);
}

TEST(PublishedExample, UnknownNamesAreRefused) {
  try {
    read_published_table("nobody1999");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), "E0806");
    EXPECT_NE(std::string(error.what()).find("kanemaru2024"), std::string::npos);
  }
}

}  // namespace
}  // namespace gantry
