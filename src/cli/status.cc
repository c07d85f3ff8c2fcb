// gantry status: where the study stands and the next verb.
#include <filesystem>

#include "base/error.h"
#include "base/strings.h"
#include "cli/study_verbs.h"
#include "records/store.h"
#include "workflow/train.h"

namespace gantry::cli {

void add_status(CLI::App& app, Face& face) {
  auto* verb = app.add_subcommand("status", "Where the study stands and the next verb");
  verb->footer("Example: gantry status --study s");
  verb->callback([&face] {
    Study study = open_study(face);
    nlohmann::json object{{"study", study.folder().string()}, {"task", study.task().name}};
    std::string text = "study " + study.folder().string() + ": " + study.task().title + "\n";
    std::string next = "gantry import FILE...";
    if (std::filesystem::exists(study.records_path())) {
      auto counts = Store::open_read_only(study.records_path())->counts();
      object["records"] = counts.records;
      object["labelled"] = counts.labelled;
      object["rejected"] = counts.rejected;
      text += with_commas(counts.records) + " reports, " + with_commas(counts.labelled) +
              " with a label, " + with_commas(counts.rejected) + " rows set aside\n";
      if (counts.records > 0) next = "gantry train";
    }
    nlohmann::json runs = nlohmann::json::array();
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(study.runs_folder(), ignored)) {
      if (!entry.is_directory()) continue;
      std::string name = entry.path().filename();
      bool finished = std::filesystem::exists(entry.path() / "run.json");
      bool tested = std::filesystem::exists(study.tests_folder() / name / "metrics.json");
      runs.push_back({{"run", name}, {"finished", finished}, {"tested", tested}});
      text += name + (finished ? tested ? ": trained and tested\n" : ": trained, not tested\n"
                               : ": unfinished (`gantry train` with the same settings goes on)\n");
    }
    object["runs"] = runs;
    try {
      std::string latest = find_run(study, "").filename();
      object["latest_run"] = latest;
      bool tested = std::filesystem::exists(study.tests_folder() / latest / "report.html");
      next = tested ? "gantry predict FILE --out predictions.jsonl" : "gantry test";
      if (tested)
        text += "report: " + (study.tests_folder() / latest / "report.html").string() + "\n";
    } catch (const Error& error) {
      if (error.code() != "E0721") throw;  // nothing trained yet
    }
    object["next"] = next;
    face.result(object, text + "next: " + next + "\n");
  });
}

}  // namespace gantry::cli
