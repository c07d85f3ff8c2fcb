// gantry records: what the store holds and what was set aside.
#include "base/strings.h"
#include "cli/study_verbs.h"
#include "records/store.h"
#include "workflow/intake.h"

namespace gantry::cli {
namespace {

void show_rejected(Face& face, const Store& store) {
  nlohmann::json rows = nlohmann::json::array();
  std::string text;
  store.for_each_rejected([&](const RejectedRow& row) {
    if (face.json)
      rows.push_back({{"file", row.file},
                      {"line", row.line},
                      {"code", row.code},
                      {"reason", row.reason},
                      {"excerpt", row.excerpt}});
    else
      text += row.file + ":" + std::to_string(row.line) + ": " + row.reason + "\n    " +
              row.excerpt + "\n";
    return true;
  });
  face.result({{"rejected", rows}}, text.empty() ? "no row was set aside\n" : text);
}

void show_unfound(Face& face, const Study& study) {
  nlohmann::json rows = nlohmann::json::array();
  std::string text;
  for_each_unfound(study, [&](const Record& record, const std::vector<std::string>& missing) {
    if (face.json) {
      rows.push_back({{"id", record.id}, {"source", record.source}, {"missing", missing}});
      return;
    }
    text += record.source + " " + record.id + ": not found:";
    for (const auto& kind : missing) text += " " + kind;
    text += "\n";
  });
  face.result({{"unfound", rows}}, text.empty() ? "every section was found\n" : text);
}

void show_counts(Face& face, const Store& store) {
  auto counts = store.counts();
  nlohmann::json imports = nlohmann::json::array();
  std::string text = with_commas(counts.records) + " reports of " + with_commas(counts.patients) +
                     " patients from " + with_commas(counts.sources) + " sources, " +
                     with_commas(counts.labelled) + " with a label; " +
                     with_commas(counts.versions - counts.records) + " older versions kept; " +
                     with_commas(counts.rejected) + " rows set aside\n";
  if (counts.ids_in_several_sources > 0)
    text +=
        with_commas(counts.ids_in_several_sources) + " report ids occur in more than one source\n";
  for (const auto& entry : store.imports()) {
    imports.push_back({{"file", entry.file},
                       {"sha256", entry.file_hash},
                       {"encoding", entry.encoding},
                       {"started", entry.started},
                       {"finished", entry.finished},
                       {"rows", entry.rows},
                       {"added", entry.added},
                       {"unchanged", entry.unchanged},
                       {"new_versions", entry.new_versions},
                       {"rejected", entry.rejected}});
    text += "  " + (entry.finished.empty() ? std::string("unfinished") : entry.finished) + "  " +
            entry.file + "  " + entry.encoding + "  " + with_commas(entry.rows) + " rows\n";
  }
  face.result({{"records", counts.records},
               {"versions", counts.versions},
               {"patients", counts.patients},
               {"sources", counts.sources},
               {"labelled", counts.labelled},
               {"rejected", counts.rejected},
               {"content_hash", store.content_hash()},
               {"imports", imports}},
              text);
}

}  // namespace

void add_records(CLI::App& app, Face& face) {
  auto* verb = app.add_subcommand("records", "What was imported, and what was set aside");
  auto rejected = std::make_shared<bool>(false);
  auto unfound = std::make_shared<bool>(false);
  verb->add_flag("--rejected", *rejected,
                 "List the rows that could not be used: file, line, reason");
  verb->add_flag("--unfound", *unfound, "List the reports in which a section was not found");
  verb->footer("Example: gantry records --study s --rejected");
  verb->callback([&face, rejected, unfound] {
    Study study = open_study(face);
    if (*unfound) return show_unfound(face, study);
    auto store = Store::open_read_only(study.records_path());
    if (*rejected) return show_rejected(face, *store);
    show_counts(face, *store);
  });
}

}  // namespace gantry::cli
