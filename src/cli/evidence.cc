// gantry readings, gantry ratings, gantry compare.
#include "base/file.h"
#include "base/strings.h"
#include "cli/study_verbs.h"
#include "report/metrics_json.h"
#include "report/section_html.h"
#include "report/sections.h"
#include "report/write_report.h"
#include "workflow/compare_runs.h"
#include "workflow/ratings.h"
#include "workflow/readings.h"
#include "workflow/test_parts.h"

namespace gantry::cli {
namespace {

nlohmann::json rejected_json(const std::vector<RejectedRow>& rows) {
  nlohmann::json out = nlohmann::json::array();
  for (const auto& r : rows)
    out.push_back({{"file", r.file}, {"line", r.line}, {"code", r.code}, {"reason", r.reason}});
  return out;
}

// The first ones in words; all of them are in --json.
std::string rejected_words(const std::vector<RejectedRow>& rows) {
  constexpr size_t kShown = 10;
  std::string out;
  for (size_t i = 0; i < rows.size() && i < kShown; ++i)
    out += "  set aside: " + rows[i].file + ", line " + std::to_string(rows[i].line) + ": " +
           rows[i].reason + "\n";
  if (rows.size() > kShown)
    out += "  ... and " + with_commas(static_cast<int64_t>(rows.size() - kShown)) +
           " more (--json lists all)\n";
  return out;
}

template <typename Import>
void add_counts(Import& all, const Import& one) {
  all.rows += one.rows;
  all.added += one.added;
  all.unchanged += one.unchanged;
  all.rejected.insert(all.rejected.end(), one.rejected.begin(), one.rejected.end());
}

std::string sections_text(const std::vector<ReportSection>& sections) {
  std::string out;
  for (const auto& s : sections) {
    out += s.title.en + "\n";
    for (const auto& p : s.paragraphs) out += "  " + p.text.en + "\n";
    for (const auto& t : s.tables) out += "\n" + t.caption.en + "\n" + table_csv(t);
    out += "\n";
  }
  return out;
}

void add_readings_import(CLI::App& readings, Face& face) {
  auto* verb = readings.add_subcommand("import", "Read what people answered for the test set");
  auto files = std::make_shared<std::vector<std::string>>();
  auto encoding = std::make_shared<std::string>();
  verb->add_option("files", *files, "CSV, TSV or JSONL: reader, report, label, seconds, order")
      ->required();
  verb->add_option("--encoding", *encoding, "Of the files (default: told apart)");
  verb->footer("Example: gantry readings import --study s reading-A.csv reading-B.csv");
  verb->callback([&face, files, encoding] {
    const Study study = open_study(face);
    ReadingsImport in;
    for (const std::string& file : *files) {
      ReadingsImport one = import_readings(study, file, *encoding);
      add_counts(in, one);
      in.unread += one.unread;
      in.test_reports = one.test_reports;
      in.readers = std::move(one.readers);  // all who have read so far
    }
    const auto set_aside = static_cast<int64_t>(in.rejected.size());
    std::string words = with_commas(in.rows) + " rows: " + with_commas(in.added) +
                        " readings added, " + with_commas(in.unchanged) + " known, " +
                        with_commas(in.unread) + " without a label, " + with_commas(set_aside) +
                        " set aside\n" + rejected_words(in.rejected);
    nlohmann::json readers = nlohmann::json::array();
    for (const auto& r : in.readers) {
      words +=
          "  " + r.reader + ": " + with_commas(r.read) + " of " + with_commas(in.test_reports) +
          " reports of the test set read, " + with_commas(r.timed) + " timed" +
          (r.read < in.test_reports ? " (INCOMPLETE: the others are not filled in)" : "") + "\n";
      readers.push_back({{"reader", r.reader}, {"read", r.read}, {"timed", r.timed}});
    }
    face.say(words + "`gantry report` puts them beside the model.");
    face.result({{"rows", in.rows},
                 {"added", in.added},
                 {"unchanged", in.unchanged},
                 {"unread", in.unread},
                 {"test_reports", in.test_reports},
                 {"readers", readers},
                 {"rejected", rejected_json(in.rejected)}},
                "");
    if (in.rows > 0 && in.added + in.unchanged + in.unread == 0) face.exit_code = 1;
  });
}

void add_readings_sheet(CLI::App& readings, Face& face) {
  struct Options {
    std::string reader, out = ".";
    uint64_t seed = 1;
    bool model_text = false;
  };
  auto* verb = readings.add_subcommand(
      "sheet", "Write a blinded sheet of the test set for one reader (CSV, and a page to fill in)");
  auto o = std::make_shared<Options>();
  verb->add_option("--reader", o->reader, "Who will read")->required();
  verb->add_option("--out", o->out, "Folder of the sheet (default: here)");
  verb->add_option("--seed", o->seed, "Of the order");
  verb->add_flag("--model-text", o->model_text, "Only what the model reads, not the whole report");
  verb->footer("Example: gantry readings sheet --study s --reader A --out sheets");
  verb->callback([&face, o] {
    const Study study = open_study(face);
    const ReadingSheet sheet =
        write_reading_sheet(study, o->reader, o->out, o->seed, o->model_text);
    face.say(with_commas(sheet.reports) + " reports in an order of " + o->reader +
             "'s own: " + sheet.csv.string() + ", " + sheet.html.string() +
             " (patients' text: mind where it goes)");
    face.result(
        {{"csv", sheet.csv.string()}, {"html", sheet.html.string()}, {"reports", sheet.reports}},
        "");
  });
}

void add_ratings_import(CLI::App& ratings, Face& face) {
  auto* verb = ratings.add_subcommand("import", "Read clinicians' grades");
  auto files = std::make_shared<std::vector<std::string>>();
  auto encoding = std::make_shared<std::string>();
  verb->add_option("files", *files,
                   "CSV, TSV or JSONL: rater, item (or case and arm), grade, comment")
      ->required();
  verb->add_option("--encoding", *encoding, "Of the files (default: told apart)");
  verb->footer("Example: gantry ratings import --study s rating-A.csv rating-B.csv");
  verb->callback([&face, files, encoding] {
    const Study study = open_study(face);
    RatingsImport in;
    for (const std::string& file : *files) {
      const RatingsImport one = import_ratings(study, file, *encoding);
      add_counts(in, one);
      in.ungraded += one.ungraded;
    }
    face.say(with_commas(in.rows) + " rows: " + with_commas(in.added) + " grades added, " +
             with_commas(in.unchanged) + " known, " + with_commas(in.ungraded) +
             " without a grade, " + with_commas(static_cast<int64_t>(in.rejected.size())) +
             " set aside\n" + rejected_words(in.rejected) +
             "`gantry ratings show` compares the arms; `gantry report` shows them in the report.");
    face.result({{"rows", in.rows},
                 {"added", in.added},
                 {"unchanged", in.unchanged},
                 {"ungraded", in.ungraded},
                 {"rejected", rejected_json(in.rejected)}},
                "");
    if (in.rows > 0 && in.added + in.unchanged + in.ungraded == 0) face.exit_code = 1;
  });
}

void add_ratings_sheet(CLI::App& ratings, Face& face) {
  struct Options {
    std::string answers, run, out = ".";
    uint64_t seed = 1;
  };
  auto* verb = ratings.add_subcommand(
      "sheet",
      "Write a blinded, shuffled sheet of answers for raters (CSV, and a page to fill in)");
  auto o = std::make_shared<Options>();
  auto* file = verb->add_option("answers", o->answers,
                                "CSV, TSV or JSONL: case, arm, answer, question (default: the "
                                "texts of the latest test, against the reference)");
  verb->add_option("--run", o->run, "The test of this run (default: the latest)")->excludes(file);
  verb->add_option("--out", o->out, "Folder of the sheet (default: here)");
  verb->add_option("--seed", o->seed, "Of order and codes");
  verb->footer("Example: gantry ratings sheet --study s --out sheets");
  verb->callback([&face, o] {
    const Study study = open_study(face);
    const RatingSheet sheet =
        write_rating_sheet(study, {.file = o->answers, .run = o->run}, o->out, o->seed);
    face.say(with_commas(sheet.answers) + " answers of " + with_commas(sheet.cases) + " cases in " +
             with_commas(sheet.arms) + " arms: " + sheet.csv.string() + ", " + sheet.html.string() +
             " (patients' text: mind where it goes)\nthe key stays in the study: " +
             sheet.key.string() + "\n" + rejected_words(sheet.rejected));
    face.result({{"csv", sheet.csv.string()},
                 {"html", sheet.html.string()},
                 {"key", sheet.key.string()},
                 {"answers", sheet.answers},
                 {"cases", sheet.cases},
                 {"arms", sheet.arms},
                 {"rejected", rejected_json(sheet.rejected)}},
                "");
  });
}

void add_ratings_show(CLI::App& ratings, Face& face) {
  auto* verb = ratings.add_subcommand("show", "Compare the arms that were graded");
  auto out = std::make_shared<std::string>();
  verb->add_option("--out", *out, "Also write a page, tables and plots into this folder");
  verb->footer("Example: gantry ratings show --study s --out grades");
  verb->callback([&face, out] {
    const Study study = open_study(face);
    const auto& settings = study.settings().study;
    const std::vector<ReportSection> sections = {
        ratings_section(stored_ratings(study), evaluation_options(study.settings()).bootstrap)};
    if (!out->empty())
      write_sections({.title = {"Clinicians' grades", "臨床医の評価"},
                      .lead = {settings.name, settings.name},
                      .synthetic = settings.synthetic,
                      .data_note = settings.data_note,
                      .foot = settings.name},
                     sections, *out);
    face.result(nlohmann::json::parse(sections_json(sections)),
                (settings.synthetic ? "SYNTHETIC data\n" : "") + sections_text(sections));
  });
}

}  // namespace

void add_readings(CLI::App& app, Face& face) {
  auto* verb = app.add_subcommand("readings", "Readings of the test set by people");
  verb->require_subcommand(1);
  add_readings_import(*verb, face);
  add_readings_sheet(*verb, face);
}

void add_ratings(CLI::App& app, Face& face) {
  auto* verb = app.add_subcommand("ratings", "Clinicians' grades of answers");
  verb->require_subcommand(1);
  add_ratings_import(*verb, face);
  add_ratings_sheet(*verb, face);
  add_ratings_show(*verb, face);
}

void add_compare(CLI::App& app, Face& face) {
  auto* verb = app.add_subcommand("compare", "Compare runs case by case on the same test set");
  auto runs = std::make_shared<std::vector<std::string>>();
  auto out = std::make_shared<std::string>();
  verb->add_option("runs", *runs, "Two runs or more that were tested")->required();
  verb->add_option("--out", *out, "Also write a page, tables and plots into this folder");
  verb->footer("Example: gantry compare --study s run-1a2b3c4d run-5e6f7a8b");
  verb->callback([&face, runs, out] {
    const Study study = open_study(face);
    const RunComparison comparison = compare_runs(study, *runs);
    if (!out->empty()) write_sections(comparison.page, comparison.sections, *out);
    face.result(
        nlohmann::json::parse(sections_json(comparison.sections)),
        (comparison.page.synthetic ? "SYNTHETIC data\n" : "") + sections_text(comparison.sections));
  });
}

}  // namespace gantry::cli
