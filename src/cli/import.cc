// gantry import: files into the study's store.
#include "records/import.h"
#include "base/error.h"
#include "base/strings.h"
#include "cli/study_verbs.h"
#include "workflow/intake.h"

namespace gantry::cli {
namespace {

std::string code_point_name(uint32_t code_point) {
  char name[16];
  std::snprintf(name, sizeof name, "U+%04X", code_point);
  return name;
}

nlohmann::json private_use_json(const ImportReport::File& f) {
  nlohmann::json out = nlohmann::json::object();
  for (const auto& [code_point, count] : f.private_use) out[code_point_name(code_point)] = count;
  return out;
}

std::string private_use_text(const ImportReport::File& f) {
  std::string text;
  for (const auto& [code_point, count] : f.private_use)
    text += (text.empty() ? "" : ", ") + code_point_name(code_point) + " " +
            with_commas(static_cast<int64_t>(count));
  return text;
}

nlohmann::json file_json(const ImportReport::File& f) {
  return {{"file", f.file},
          {"format", f.format},
          {"encoding", f.encoding},
          {"encoding_reason", f.encoding_reason},
          {"encoding_confidence", f.encoding_confidence},
          {"rows", f.rows},
          {"added", f.added},
          {"unchanged", f.unchanged},
          {"new_versions", f.new_versions},
          {"rejected", f.rejected},
          {"rejected_by_reason", f.rejected_by_reason},
          {"private_use_characters", private_use_json(f)},
          {"seconds", f.seconds}};
}

std::string file_text(const ImportReport::File& f) {
  std::string text = f.file + ": " + with_commas(f.rows) + " rows, " + with_commas(f.added) +
                     " added, " + with_commas(f.unchanged) + " unchanged, " +
                     with_commas(f.new_versions) + " new versions, " + with_commas(f.rejected) +
                     " set aside";
  if (!f.encoding.empty())
    text += " (" + f.encoding + (f.encoding_reason.empty() ? "" : ": " + f.encoding_reason) + ")";
  for (const auto& [reason, count] : f.rejected_by_reason)
    text += "\n  " + reason + ": " + with_commas(count);
  if (!f.private_use.empty())
    text += "\n  private-use characters (a hospital's own), kept: " + private_use_text(f);
  return text;
}

}  // namespace

void add_import(CLI::App& app, Face& face) {
  auto* verb = app.add_subcommand("import", "Bring CSV, TSV or JSONL files into the study");
  auto words = std::make_shared<std::vector<std::string>>();
  auto encoding = std::make_shared<std::string>();
  auto source = std::make_shared<std::string>();
  verb->add_option("files", *words, "Files, and key=value settings")->required();
  verb->add_option("--encoding", *encoding,
                   "UTF-8, CP932, EUC-JP, ISO-2022-JP, UTF-16 (default: told apart)");
  verb->add_option("--source", *source,
                   "The hospital these files come from (default: each file's name)");
  verb->footer("Example: gantry import --study s hospital-a.csv hospital-b.jsonl");
  verb->callback([&face, words, encoding, source] {
    SortedWords sorted = sort_words(*words);
    if (sorted.files.empty())
      throw Error("E0902", "no file to import", "Name one or more CSV, TSV or JSONL files.");
    Study study = open_study(face, sorted.overrides);
    std::vector<std::filesystem::path> files(sorted.files.begin(), sorted.files.end());
    IntakeReport report =
        intake(study, files, {.encoding = *encoding, .source = *source}, face.progress());
    nlohmann::json rows = nlohmann::json::array();
    for (const auto& file : report.import.files) {
      face.say(file_text(file));
      rows.push_back(file_json(file));
    }
    auto total = report.import.total();
    nlohmann::json found = nlohmann::json::object();
    std::string found_text;
    for (const auto& [kind, count] : report.sections_found) {
      found[kind] = count;
      if (report.whole_reports > 0)
        found_text +=
            (found_text.empty() ? "" : ", ") + kind + " " +
            format_double(
                100.0 * static_cast<double>(count) / static_cast<double>(report.whole_reports), 1) +
            " %";
    }
    if (report.whole_reports > 0)
      face.say("sections found in " + with_commas(report.whole_reports) +
               " reports: " + found_text +
               "; reports with an unfound section: " + with_commas(report.incomplete_reports) +
               (report.incomplete_reports > 0 ? " (gantry records --unfound)" : ""));
    face.say("the study now holds " + with_commas(report.records) + " reports of " +
             with_commas(report.patients) + " patients\nnext: gantry train");
    if (total.rejected > 0) face.say("rows set aside: gantry records --rejected");
    face.result({{"files", rows},
                 {"total", file_json(total)},
                 {"sections_found", found},
                 {"whole_reports", report.whole_reports},
                 {"reports_with_unfound_sections", report.incomplete_reports},
                 {"records", report.records},
                 {"patients", report.patients}},
                "");
    if (total.rows > 0 && total.rejected == total.rows)
      face.exit_code = 1;  // nothing could be used
  });
}

}  // namespace gantry::cli
