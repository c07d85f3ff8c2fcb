#include "records/case_lists.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "records/record_reader.h"

namespace gantry {
namespace {

TEST(CaseLists, ReadsListsObjectsTextsAndPlainText) {
  struct Row {
    const char* value;
    std::vector<std::pair<std::string, std::string>> expected;  // text, code
  };
  const Row rows[] = {
      {"", {}},
      {"[]", {}},
      {R"([{"text":"a","icd10":"C61"},{"text":"b"}])", {{"a", "C61"}, {"b", ""}}},
      {R"([{"diagnosis":"a","code":" C61 "}])", {{"a", "C61"}}},
      {R"({"text":"a","icd10":null})", {{"a", ""}}},
      {R"(["a","b"])", {{"a", ""}, {"b", ""}}},
      {"cT2 N0 M0, prostate", {{"cT2 N0 M0, prostate", ""}}},
      {"[prior RT] cT2 N0", {{"[prior RT] cT2 N0", ""}}},  // brackets alone make no list
  };
  for (const Row& row : rows) {
    std::string wrong;
    const auto read = read_diagnoses(row.value, wrong);
    EXPECT_EQ(wrong, "") << row.value;
    ASSERT_EQ(read.size(), row.expected.size()) << row.value;
    for (size_t i = 0; i < read.size(); ++i) {
      EXPECT_EQ(read[i].text, row.expected[i].first) << row.value;
      EXPECT_EQ(read[i].code, row.expected[i].second) << row.value;
    }
  }
}

TEST(CaseLists, SaysWhatIsWrong) {
  const std::pair<const char*, const char*> rows[] = {
      {R"([{"text":"a"})", "not a list in JSON"},
      {R"([{"text":7}])", "'text' is not a text"},
      {R"([{"text":"a","icd10":61}])", "'icd10' is not a text"},
      {R"([{"text":"a"},{"icd10":"C61"}])", "diagnosis record 2 has no text"},
      {R"(["a", 3])", "diagnosis record 2 is neither"},
  };
  for (const auto& [value, expected] : rows) {
    std::string wrong;
    EXPECT_TRUE(read_diagnoses(value, wrong).empty()) << value;
    EXPECT_NE(wrong.find(expected), std::string::npos) << value << ": " << wrong;
  }
  std::string wrong;
  read_plans(R"([{"text":"a","primary":"maybe"}])", wrong);
  EXPECT_NE(wrong.find("'primary'"), std::string::npos) << wrong;
}

TEST(CaseLists, PrimaryIsReadFromTruthValuesAndWords) {
  std::string wrong;
  const auto plans = read_plans(
      R"([{"text":"a","primary":true},{"text":"b","primary":0},{"text":"c","primary":"yes"},)"
      R"({"text":"d"},{"text":"e","primary":null}])",
      wrong);
  ASSERT_EQ(plans.size(), 5u) << wrong;
  EXPECT_EQ(plans[0].primary, true);
  EXPECT_EQ(plans[1].primary, false);
  EXPECT_EQ(plans[2].primary, true);
  EXPECT_FALSE(plans[3].primary.has_value());
  EXPECT_FALSE(plans[4].primary.has_value());
}

ColumnMap case_columns() {
  ColumnMap map;
  map.id = {"case_id"};
  map.patient = {"patient_id"};
  map.label = {"modality"};
  map.text = {"diagnosis"};
  map.diagnoses = {"diagnoses"};
  map.plans = {"plans", "plan"};
  map.code = {"icd10"};
  map.answer = {"regimen"};
  return map;
}

std::vector<Record> read_all(const std::string& bytes, const std::string& name,
                             std::vector<RejectedRow>* rejected = nullptr) {
  ColumnMap map = case_columns();
  map.patient = {"patient_id", "patient"};
  map.label = {"modality", "label"};
  map.id = {"case_id", "id"};
  map.text = {"diagnosis", "text"};
  map.diagnoses = {"diagnoses", "records"};
  RecordReader reader(RowReader::over(bytes, name, {}), map, {});
  std::vector<Record> out;
  for (auto next = reader.next(); next != RowReader::Next::end; next = reader.next()) {
    if (next == RowReader::Next::row) {
      out.push_back(reader.record());
    } else if (rejected != nullptr) {
      rejected->push_back(reader.rejected());
    }
  }
  return out;
}

TEST(CaseRows, NestedListsOfJsonl) {
  const auto records =
      read_all(R"({"case_id":"A","patient_id":"P","diagnoses":[{"text":"one","icd10":"C61"},)"
               R"({"text":"two","icd10":"C79.51"}],"plans":[{"text":"p","primary":true}],)"
               R"("regimen":"70 Gy","modality":"photon","sex":"M","age":71})"
               "\n",
               "a.jsonl");
  ASSERT_EQ(records.size(), 1u);
  const Record& r = records[0];
  EXPECT_EQ(r.text, "one\ntwo");  // never a plan
  EXPECT_EQ(r.label, "photon");
  const CaseLists lists = case_lists(r);
  ASSERT_EQ(lists.diagnoses.size(), 2u);
  EXPECT_EQ(lists.diagnoses[1].code, "C79.51");
  ASSERT_EQ(lists.plans.size(), 1u);
  EXPECT_EQ(lists.plans[0].primary, true);
  EXPECT_EQ(lists.answer, "70 Gy");
  const auto fields = nlohmann::json::parse(r.fields_json);
  EXPECT_EQ(fields["sex"], "M");
  EXPECT_EQ(fields["age"], 71);
}

// The same case as CSV with JSON in its cells, and as plain columns, gives the same lists.
TEST(CaseRows, CsvWithJsonCellsOrPlainColumns) {
  const auto json = read_all(
      "case_id,patient_id,diagnoses,plans,regimen,modality\n"
      "A,P,\"[{\"\"text\"\":\"\"one\"\",\"\"icd10\"\":\"\"C61\"\"}]\","
      "\"[{\"\"text\"\":\"\"p\"\",\"\"primary\"\":true}]\",70 Gy,photon\n",
      "a.csv");
  const auto plain = read_all(
      "case_id,patient_id,diagnosis,icd10,plan,regimen,modality\nA,P,one,C61,p,70 Gy,photon\n",
      "b.csv");
  ASSERT_EQ(json.size(), 1u);
  ASSERT_EQ(plain.size(), 1u);
  for (const Record* record : {&json[0], &plain[0]}) {
    EXPECT_EQ(record->text, "one");
    const CaseLists lists = case_lists(*record);
    ASSERT_EQ(lists.diagnoses.size(), 1u);
    EXPECT_EQ(lists.diagnoses[0].code, "C61");
    ASSERT_EQ(lists.plans.size(), 1u);
    EXPECT_EQ(lists.plans[0].text, "p");
    EXPECT_EQ(lists.answer, "70 Gy");
  }
}

TEST(CaseRows, BadListsAreSetAsideWithTheirColumn) {
  std::vector<RejectedRow> rejected;
  const auto records = read_all(
      "{\"id\":\"A\",\"diagnoses\":[{\"icd10\":\"C61\"}]}\n"
      "{\"id\":\"B\",\"diagnoses\":[{\"text\":\"x\"}],\"plans\":[{\"primary\":true}]}\n"
      "{\"id\":\"C\",\"diagnoses\":[]}\n"
      "{\"id\":\"D\",\"diagnoses\":[{\"text\":\"x\"}]}\n",
      "a.jsonl", &rejected);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].id, "D");
  ASSERT_EQ(rejected.size(), 3u);
  EXPECT_EQ(rejected[0].code, "bad_diagnoses");
  EXPECT_EQ(rejected[0].line, 1);
  EXPECT_NE(rejected[0].reason.find("column 'diagnoses': diagnosis record 1 has no text"),
            std::string::npos)
      << rejected[0].reason;
  EXPECT_EQ(rejected[1].code, "bad_plans");
  EXPECT_EQ(rejected[2].code, "missing_text");
}

}  // namespace
}  // namespace gantry
