#include "records/record_reader.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/error.h"

namespace gantry {
namespace {

struct Outcome {
  std::vector<Record> records;
  std::vector<RejectedRow> rejected;
};

Outcome read(std::string_view bytes, RecordOptions options = {}, ColumnMap map = ColumnMap::usual(),
             std::string name = "ha.csv") {
  RecordReader reader(RowReader::over(bytes, std::move(name)), map, options);
  Outcome out;
  for (RowReader::Next next; (next = reader.next()) != RowReader::Next::end;) {
    if (next == RowReader::Next::row)
      out.records.push_back(reader.record());
    else
      out.rejected.push_back(reader.rejected());
  }
  return out;
}

Error error_of(std::string_view bytes, RecordOptions options = {},
               ColumnMap map = ColumnMap::usual()) {
  try {
    read(bytes, options, map);
  } catch (const Error& e) {
    return e;
  }
  return Error("none", "");
}

TEST(ParseDate, WhatHospitalsWrite) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"2023-04-05", "2023-04-05"},
      {"2023/4/5", "2023-04-05"},
      {"2023.4.5", "2023-04-05"},
      {"20230405", "2023-04-05"},
      {"2023年4月5日", "2023-04-05"},
      {"2023年 4月 5日", "2023-04-05"},
      {"２０２３年４月５日", "2023-04-05"},
      {"２０２３／０４／０５", "2023-04-05"},
      {"令和5年4月5日", "2023-04-05"},
      {"令和元年5月1日", "2019-05-01"},
      {"㋿5年4月5日", "2023-04-05"},
      {"平成31年4月30日", "2019-04-30"},
      {"昭和64年1月7日", "1989-01-07"},
      {"大正元年7月30日", "1912-07-30"},
      {"R5.4.5", "2023-04-05"},
      {"r05/04/05", "2023-04-05"},
      {"H30/04/01", "2018-04-01"},
      {"Ｓ６３．１２．３１", "1988-12-31"},
      {"R.5.4.5", "2023-04-05"},
      {"R5年4月5日", "2023-04-05"},
      {" 2023-04-05 ", "2023-04-05"},
      {"2023-04-05T10:30:00", "2023-04-05"},
      {"2023-04-05T10:30:00.123+09:00", "2023-04-05"},
      {"2023-04-05T01:30:00Z", "2023-04-05"},
      {"2023/4/5 9:05", "2023-04-05"},
      {"2023/4/5 23:59:59", "2023-04-05"},
      {"2023年4月5日 10時30分", "2023-04-05"},
      {"2023年4月5日(水) 午後3時5分", "2023-04-05"},
      {"2023/04/05（水）", "2023-04-05"},
      {"20230405103000", "2023-04-05"},
      {"202304051030", "2023-04-05"},
      {"20230405 10:30", "2023-04-05"},
      {"2024-02-29", "2024-02-29"},
      {"2000-02-29", "2000-02-29"},
      // Refused: no dates, or no days of the calendar, or to be read in two ways.
      {"2023-02-29", ""},
      {"1900-02-29", ""},
      {"2023-13-01", ""},
      {"2023-00-10", ""},
      {"2023-04-31", ""},
      {"20231301", ""},
      {"23/4/5", ""},
      {"4/5/2023", ""},
      {"5-Apr-2023", ""},
      {"2023-04", ""},
      {"2023年4月", ""},
      {"2023/4-5", ""},
      {"2023年4/5", ""},
      {"平成31年5月1日", ""},
      {"昭和65年1月1日", ""},
      {"令和0年1月1日", ""},
      {"令和元年4月30日", ""},
      {"R5", ""},
      {"45021", ""},
      {"0001-01-01", ""},
      {"9999-12-31", ""},
      {"2023-04-05 25:00", ""},
      {"2023-04-05 10:75", ""},
      {"2023-04-05 abc", ""},
      {"2023-04-05-06", ""},
      {"202304051", ""},
      {"20230405103099", ""},
      {"不明", ""},
      {"-", ""},
      {"", ""},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(parse_date(text), expected) << text;
}

TEST(RecordReader, UsualColumns) {
  Outcome out = read(
      "レポートID,患者ID,検査日,モダリティ,レポート,Label\n"
      " A1 ,P1,令和5年4月5日,CT,\"【所見】\n骨転移 \",１\n");
  ASSERT_EQ(out.records.size(), 1u);
  const Record& r = out.records[0];
  EXPECT_EQ(r.id, "A1");
  EXPECT_EQ(r.patient, "P1");
  EXPECT_EQ(r.source, "ha");
  EXPECT_EQ(r.date, "2023-04-05");
  EXPECT_EQ(r.text, "【所見】\n骨転移 ");
  EXPECT_EQ(r.label, "1");
  EXPECT_EQ(r.fields_json, "{\"モダリティ\":\"CT\"}");
  EXPECT_EQ(r.file, "ha.csv");
  EXPECT_EQ(r.line, 2);
}

TEST(RecordReader, JsonValuesAreKept) {
  Outcome out = read(
      "{\"report_id\":7,\"report\":\"骨\",\"age\":57,\"x\":null,\"w\":1.50,\"l\":[1,{\"a\":"
      "\"\\\"\"}],"
      "\"label\":0}\n"
      "{\"report\":\"骨\",\"report_id\":\"8\",\"exam_date\":null}\n",
      {.allowed_labels = {"0", "1", "2"}}, ColumnMap::usual(), "a.jsonl");
  ASSERT_EQ(out.records.size(), 2u);
  EXPECT_EQ(out.records[0].id, "7");
  EXPECT_EQ(out.records[0].label, "0");
  EXPECT_EQ(out.records[0].fields_json, R"({"age":57,"x":null,"w":1.50,"l":[1,{"a":"\""}]})");
  EXPECT_EQ(out.records[1].id, "8");
  EXPECT_EQ(out.records[1].date, "");
  EXPECT_EQ(out.records[1].fields_json, "{}");
}

TEST(RecordReader, SectionsApart) {
  Outcome out = read("ID,検査目的,所見,診断\n1,検索,硬化像,転移\n2,,,\n3,　,,\n");
  ASSERT_EQ(out.records.size(), 1u);
  EXPECT_EQ(out.records[0].indication, "検索");
  EXPECT_EQ(out.records[0].findings, "硬化像");
  EXPECT_EQ(out.records[0].diagnosis, "転移");
  ASSERT_EQ(out.rejected.size(), 2u);
  EXPECT_EQ(out.rejected[0].code, "missing_text");
}

TEST(RecordReader, RowsSetAsideWithTheirReason) {
  Outcome out = read(
      "id,date,report,label,source\n"
      ",2023-01-01,骨,0,x\n"
      "2,2023-02-29,骨,0,x\n"
      "3,2023-01-01, ,0,x\n"
      "4,2023-01-01,骨,7,x\n"
      "5,,骨,,x\n"
      "6,2023-01-01,骨,2.0,\n"
      "7,2023-01-01,骨,0\n",
      {.allowed_labels = {"0", "1", "2"}});
  ASSERT_EQ(out.rejected.size(), 5u);
  const std::vector<std::string> codes = {"missing_id", "bad_date", "missing_text", "unknown_label",
                                          "wrong_column_count"};
  for (size_t i = 0; i < codes.size(); ++i) EXPECT_EQ(out.rejected[i].code, codes[i]);
  EXPECT_EQ(out.rejected[1].reason, "column 'date', value '2023-02-29': not a date");
  EXPECT_EQ(out.rejected[3].reason, "column 'label', value '7': not one of '0', '1', '2'");
  EXPECT_EQ(out.rejected[3].line, 5);
  EXPECT_EQ(out.rejected[3].excerpt, "4 | 2023-01-01 | 骨 | 7 | x");
  ASSERT_EQ(out.records.size(), 2u);
  EXPECT_EQ(out.records[0].source, "x");
  EXPECT_EQ(out.records[1].source, "ha");
  EXPECT_EQ(out.records[1].label, "2");
}

TEST(RecordReader, ColumnsThatAreMissing) {
  Error e = error_of("repot_id,report\n1,a\n");
  EXPECT_EQ(e.code(), "E0205");
  EXPECT_NE(e.message().find("'repot_id', 'report'"), std::string::npos);
  EXPECT_NE(e.remedy().find("'repot_id'"), std::string::npos);
  EXPECT_EQ(error_of("id,date\n1,a\n").code(), "E0205");
  ColumnMap map = ColumnMap::usual();
  map.patient = {"患者"};  // promised
  EXPECT_EQ(error_of("id,report\n1,a\n", {}, map).code(), "E0205");
  map.patient.clear();
  EXPECT_EQ(read("id,report,patient\n1,a,P\n", {}, map).records[0].fields_json,
            "{\"patient\":\"P\"}");
  EXPECT_EQ(read("report\na\n", {.needs_id = false}).records[0].id, "line 2");
}

TEST(RecordReader, NamesAreComparedLoosely) {
  ColumnMap map;
  map.id = {"Report ID"};
  map.text = {"レポート"};
  EXPECT_EQ(read("ＲＥＰＯＲＴ－ＩＤ,ﾚﾎﾟｰﾄ\n1,a\n", {}, map).records.size(), 1u);
  EXPECT_EQ(read("reportid,レポート\n1,a\n", {.source = "H1"}, map).records[0].source, "H1");
}

}  // namespace
}  // namespace gantry
