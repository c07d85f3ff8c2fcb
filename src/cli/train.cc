// gantry train: restarts, the choice on the tuning cases, a predictor.
#include "workflow/train.h"

#include <nlohmann/json.hpp>

#include "cli/study_verbs.h"

namespace gantry::cli {

void add_train(CLI::App& app, Face& face) {
  auto* verb = app.add_subcommand(
      "train", "Fine-tune the base model; goes on where an interrupted run stopped");
  auto words = std::make_shared<std::vector<std::string>>();
  verb->add_option("settings", *words, "key=value, for example runs=10 base=multilingual-e5-small");
  verb->footer("Example: gantry train --study s runs=3 base=multilingual-e5-small");
  verb->callback([&face, words] {
    Study study = open_study(face, only_overrides(*words));
    TrainReport report = train(study, face.progress());
    nlohmann::json object = read_run(report.folder);
    object["folder"] = report.folder.string();
    object["was_done"] = report.was_done;
    face.say(report.summary);
    face.result(object, "");
  });
}

}  // namespace gantry::cli
