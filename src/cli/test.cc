// gantry test and gantry report.
#include "workflow/test.h"

#include "base/file.h"
#include "base/strings.h"
#include "cli/study_verbs.h"
#include "report/metrics_json.h"
#include "report/published_example.h"
#include "report/section_html.h"
#include "report/write_report.h"

namespace gantry::cli {
namespace {

std::string figure(const Estimate& e) {
  if (!e.defined) return "not defined (n = " + with_commas(e.n) + ")";
  std::string text = format_double(e.value, 3);
  if (e.has_interval)
    text += " (" + format_double(e.lower, 3) + " to " + format_double(e.upper, 3) + ")";
  return text + ", n = " + with_commas(e.n);
}

// A table of a section as lines: the row's name, then its figures by column.
std::string table_text(const ReportTable& table) {
  std::string text = table.caption.en + "\n";
  for (const auto& row : table.rows) {
    text += "  " + cell_text(row[0]);
    for (size_t c = 1; c < row.size(); ++c)
      text += (c == 1 ? ": " : "; ") + table.head[c].en + " " + cell_text(row[c]);
    text += "\n";
  }
  return text;
}

std::string summary(const TestOutcome& outcome) {
  const TestReport& report = outcome.report;
  std::string text;
  for (const auto& line : report.first_lines) text += line.text.en + "\n";
  for (const auto& classifier : report.classifiers) {
    const auto& e = classifier.evaluation;
    text += classifier.name + "\n  accuracy " + figure(e.accuracy) + "; macro F1 " +
            figure(e.macro_f1) + "\n";
    if (classifier.is_model)
      for (size_t g = 0; g < e.of_class.size(); ++g)
        text += "  group " + report.labels[g] +
                (g < report.label_names.size() ? " (" + report.label_names[g] + ")" : "") +
                ": sensitivity " + figure(e.of_class[g].sensitivity) + "; specificity " +
                figure(e.of_class[g].specificity) + "\n";
  }
  for (const auto& c : report.comparisons) {
    const double difference = c.macro_f1_difference.value;
    if (c.macro_f1_difference.defined && difference <= 0)
      text += (difference < 0 ? "THE MODEL LOSES to " : "The model does not beat ") + c.baseline +
              " in macro F1 on this test set.\n";
  }
  for (const auto& section : report.sections)
    for (const auto& table : section.tables)
      if (table.name == "code_figures" || table.name == "text_figures" ||
          table.name == "text_fields")
        text += table_text(table);
  if (report.synthetic)
    text += "All reports are SYNTHETIC: these figures say nothing about a hospital.\n";
  if (report.looks > 1)
    text += "This was look " + std::to_string(report.looks) +
            " at this test set; the report says so.\n";
  return text + "open " + (outcome.folder / "report.html").string() + "\n";
}

void show_example(Face& face, const std::string& name, const std::string& out) {
  const PublishedTable table = read_published_table(name);
  const auto sections = published_sections(table);
  if (!out.empty()) {
    write_sections(published_page(table), sections, out);
    face.say("open " + (std::filesystem::path(out) / "report.html").string());
  }
  std::string text = table.title.en + "\n" + table.source + "\n\n";
  for (const auto& s : sections) {
    for (const auto& p : s.paragraphs) text += p.text.en + "\n";
    for (const auto& t : s.tables) text += "\n" + t.caption.en + "\n" + table_csv(t);
    text += "\n";
  }
  face.result(nlohmann::json::parse(sections_json(sections)), text);
}

}  // namespace

void add_test(CLI::App& app, Face& face) {
  auto* verb = app.add_subcommand(
      "test", "Test the trained classifier on the test set and write the report");
  auto run = std::make_shared<std::string>();
  auto words = std::make_shared<std::vector<std::string>>();
  verb->add_option("--run", *run, "Which run (default: the latest)");
  auto robustness = std::make_shared<bool>(false);
  verb->add_option("settings", *words, "key=value");
  verb->add_flag("--robustness", *robustness,
                 "Also answer the test set changed in known ways (test.robustness=true)");
  verb->footer("Example: gantry test --study s");
  verb->callback([&face, run, words, robustness] {
    auto overrides = only_overrides(*words);
    if (*robustness) overrides.push_back("test.robustness=true");
    Study study = open_study(face, overrides);
    TestOutcome outcome = test(study, *run, face.progress());
    auto object = nlohmann::json::parse(read_file(outcome.folder / "metrics.json"));
    object["folder"] = outcome.folder.string();
    object["report"] = (outcome.folder / "report.html").string();
    face.say(summary(outcome));
    face.result(object, "");
  });
}

void add_report(CLI::App& app, Face& face) {
  auto* verb = app.add_subcommand("report", "Write the report of the latest test again");
  auto run = std::make_shared<std::string>(), example = std::make_shared<std::string>(),
       out = std::make_shared<std::string>();
  verb->add_option("--run", *run, "Which run (default: the latest)");
  verb->add_option("--example", *example,
                   "Tell a published table instead, without a study: kanemaru2024");
  verb->add_option("--out", *out, "Of --example: also write page, tables and plots there");
  verb->footer("Example: gantry report --study s; gantry report --example kanemaru2024 --out DIR");
  verb->callback([&face, run, example, out] {
    if (!example->empty()) return show_example(face, *example, *out);
    if (!out->empty())
      throw CLI::ValidationError("--out",
                                 "only with --example: a study's report lies in its folder");
    Study study = open_study(face);
    auto folder = rewrite_report(study, *run);
    face.say("open " + (folder / "report.html").string());
    face.result({{"folder", folder.string()}, {"report", (folder / "report.html").string()}}, "");
  });
}

}  // namespace gantry::cli
